//! Who is let through to which addresses, and what a person is asked about it.

use super::*;

/// What `admit` says, without a connection.
async fn admitted(hosts: &[&str], target: &str, addresses: &[&str]) -> Result<Vec<IpAddr>, Refusal> {
    let table = Table::new(&[("good.example", addresses)]);
    let asking = Asking { questions: None, time: PATIENCE };
    let target = Target::parse(target, None).unwrap();
    admit(&visitor(hosts), &target, &asking, &table, PATIENCE).await.map(|admitted| admitted.addresses)
}

#[tokio::test]
async fn a_name_is_worth_what_its_addresses_are() {
    let class = |result: Result<Vec<IpAddr>, Refusal>| match result {
        Err(Refusal::Inside { class, .. }) => class,
        other => panic!("{other:?}"),
    };
    let good = "good.example:443";
    let public = "93.184.216.34";
    assert_eq!(
        admitted(&["good.example"], good, &[public]).await.unwrap(),
        [public.parse::<IpAddr>().unwrap()]
    );
    // One inside address spoils all of them, wherever it stands.
    for addresses in [&[public, "127.0.0.1"], &["::ffff:127.0.0.1", public]] {
        assert_eq!(class(admitted(&["good.example"], good, addresses).await), AddressClass::Loopback);
        // Not even where this machine is granted: the name is not this machine's.
        assert_eq!(
            class(admitted(&["good.example", "loopback"], good, addresses).await),
            AddressClass::Loopback
        );
    }
    assert_eq!(class(admitted(&["good.example"], good, &["10.255.9.9"]).await), AddressClass::Private);
    assert!(admitted(&["good.example", "private"], good, &["10.255.9.9"]).await.is_ok());
    for (address, expected) in [
        ("169.254.169.254", AddressClass::LinkLocal),
        ("fd00:ec2::254", AddressClass::LinkLocal),
        ("0.0.0.0", AddressClass::Special),
        ("224.0.0.1", AddressClass::Special),
    ] {
        let granted = ["good.example", "private", "loopback"];
        assert_eq!(class(admitted(&granted, good, &[address]).await), expected, "{address}");
    }
    let empty = admitted(&["good.example"], good, &[]).await;
    assert_eq!(empty, Err(Refusal::Unresolvable(io::ErrorKind::InvalidData)));
}

/// Asks about `targets` at the same time; `answer` is what the person does with each question.
async fn asked(
    targets: &[&str],
    time: Duration,
    room: usize,
    answer: impl Fn(Question) + Send + 'static,
) -> (Vec<Result<(), Refusal>>, usize) {
    let (sender, mut receiver) = mpsc::channel::<Question>(room);
    let asking = Asking { questions: Some(sender), time };
    let table = Table::new(&[("good.example", &["93.184.216.34"])]);
    let visitor = Arc::new(visitor(&["listed.example"]));
    let person = tokio::spawn(async move {
        let mut count = 0;
        while let Some(question) = receiver.recv().await {
            assert_eq!(question.session.as_str(), "s1");
            count += 1;
            answer(question);
        }
        count
    });
    let mut all = JoinSet::new();
    for target in targets {
        let target = Target::parse(target, None).unwrap();
        let (visitor, asking, table) = (visitor.clone(), asking.clone(), table.clone());
        all.spawn(async move { admit(&visitor, &target, &asking, &table, PATIENCE).await.map(|_| ()) });
    }
    drop(asking);
    let results = timeout(PATIENCE, all.join_all()).await.expect("every question has an end");
    (results, person.await.unwrap())
}

#[tokio::test]
async fn a_new_host_is_a_question_and_silence_is_a_no() {
    let good = ["good.example:443"; 5];
    let allow = |question: Question| question.answer.send(Answer::Allow).unwrap();
    let (results, questions) = asked(&good, PATIENCE, 10, allow).await;
    assert_eq!((results, questions), (vec![Ok(()); 5], 1), "asked once for all of them");
    let declined = |why: &str| (vec![Err(Refusal::Declined(why.to_owned())); 5], 1);
    let no = || Answer::Deny { reason: "not this one".to_owned() };
    let deny = move |question: Question| question.answer.send(no()).unwrap();
    assert_eq!(asked(&good, PATIENCE, 10, deny).await, declined("not this one"));
    assert_eq!(asked(&good, PATIENCE, 10, drop).await, declined("nobody answers"));
    let kept = Mutex::new(Vec::new());
    let keep = move |question| kept.lock().unwrap().push(question);
    let short = Duration::from_millis(50);
    assert_eq!(asked(&good[..1], short, 10, keep).await, (vec![Err(Refusal::Unanswered(short))], 1));
    // The port belongs to the question.
    let (results, questions) = asked(&["good.example:443", "good.example:444"], PATIENCE, 10, allow).await;
    assert_eq!((results.len(), questions), (2, 2));
    // What no answer could allow is not asked about.
    let (results, questions) =
        asked(&["127.0.0.1:80", "localhost:80", "10.0.0.1:80"], PATIENCE, 10, allow).await;
    assert!(results.iter().all(|it| matches!(it, Err(Refusal::Inside { .. }))), "{results:?}");
    assert_eq!(questions, 0);
}

#[tokio::test]
async fn people_are_not_flooded() {
    let names: Vec<String> = (0..25).map(|number| format!("h{number}.example:443")).collect();
    let targets: Vec<&str> = names.iter().map(String::as_str).collect();
    let allow = |question: Question| question.answer.send(Answer::Allow).unwrap();
    let (results, questions) = asked(&targets, PATIENCE, 100, allow).await;
    let too_many = results.iter().filter(|it| **it == Err(Refusal::TooManyQuestions)).count();
    assert_eq!((questions, too_many), (20, 5));
    // No room for the question.
    let (results, questions) = asked(&targets[..3], PATIENCE, 1, allow).await;
    let full = results.iter().filter(|it| **it == Err(Refusal::NotListed)).count();
    assert!(full > 0 && questions + full == 3, "{results:?}");
}

#[tokio::test]
async fn a_question_outlives_the_connection_and_ends_with_the_visitor() {
    let (sender, mut questions) = mpsc::channel::<Question>(10);
    let asking = Asking { questions: Some(sender), time: PATIENCE };
    let table = Table::new(&[("good.example", &["93.184.216.34"])]);
    let target = Target::parse("good.example:443", None).unwrap();
    let visitor = visitor(&[]);
    let short = Duration::from_millis(20);
    let gave_up = timeout(short, admit(&visitor, &target, &asking, &table, PATIENCE)).await;
    assert!(gave_up.is_err());
    let mut question = questions.recv().await.unwrap();
    assert!(timeout(short, question.answer.closed()).await.is_err(), "it still waits");
    let again = admit(&visitor, &target, &asking, &table, PATIENCE);
    let answer = async { question.answer.send(Answer::Allow).unwrap() };
    let (again, ()) = timeout(PATIENCE, async { tokio::join!(again, answer) }).await.unwrap();
    assert!(again.is_ok());
    assert!(questions.try_recv().is_err(), "it was asked once");

    let other = Target::parse("good.example:444", None).unwrap();
    assert!(timeout(short, admit(&visitor, &other, &asking, &table, PATIENCE)).await.is_err());
    let mut question = questions.recv().await.unwrap();
    drop(visitor);
    timeout(PATIENCE, question.answer.closed()).await.unwrap();
}

#[tokio::test]
async fn nobody_is_asked_for_who_has_a_list_and_nothing_else() {
    let (sender, mut questions) = mpsc::channel::<Question>(10);
    let asking = Asking { questions: Some(sender), time: PATIENCE };
    let target = Target::parse("good.example:443", None).unwrap();
    let visitor = visitor(&["x.example"]).listed_only();
    let refused = admit(&visitor, &target, &asking, &Table::default(), PATIENCE).await;
    assert_eq!(refused.unwrap_err(), Refusal::NotListed);
    assert!(questions.try_recv().is_err());
}
