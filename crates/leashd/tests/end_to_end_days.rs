//! A scripted day of the daemon, killed at a random moment of each of its lives: people say things, are asked, answer,
//! reload and change their minds. What was acknowledged is kept, and nothing ran that nobody let run.
//!
//! `LEASHD_TEST_LIVES` sets how many lives, `LEASHD_TEST_SEED` repeats the choices of a run that failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "days/chance.rs"]
mod chance;
#[path = "days/check.rs"]
mod check;
#[path = "days/door.rs"]
mod door;
#[path = "days/ledger.rs"]
mod ledger;
#[path = "days/life.rs"]
mod life;
#[path = "days/people.rs"]
mod people;
#[allow(dead_code, reason = "what the other tests with a real agent need, too")]
#[path = "end_to_end/support.rs"]
mod support;
#[path = "days/witness.rs"]
mod witness;

use chance::Chance;
use life::Day;
use std::time::Instant;

/// Few enough to be run each time; 200 are a campaign.
const LIVES: u64 = 20;

#[test]
fn killed_at_any_moment_of_a_day_nothing_acknowledged_is_lost_and_nothing_ran_unasked() {
    let lives = number("LEASHD_TEST_LIVES").unwrap_or(LIVES);
    let seed = number("LEASHD_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()) * 0x9e37_79b9);
    println!("{lives} lives, LEASHD_TEST_SEED={seed}");
    let begin = Instant::now();
    let mut chance = Chance::new(seed);
    let day = Day::new();
    for life in 0..lives {
        day.live(&mut chance);
        check::all(&day, &format!("life {life} of seed {seed}"));
    }
    day.end(&mut chance);
    let seen = check::all(&day, &format!("the end, seed {seed}"));
    check::is_settled(&day);
    println!("{seen} in {:.0} s; killed {}", begin.elapsed().as_secs_f64(), day.kills());
    // A day on which nothing happens proves nothing.
    assert!(lives < 20 || (seen.answers > 0 && seen.ran > 0 && seen.messages > lives / 2), "{seen}");
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}
