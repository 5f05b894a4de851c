-- A database of schema 1, as it was released, with a row of each kind.
PRAGMA application_id = 1818583411;
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;


CREATE TABLE sessions (
    id            TEXT    NOT NULL PRIMARY KEY,
    connector     TEXT    NOT NULL,
    chat          TEXT    NOT NULL,
    user          TEXT    NOT NULL,
    agent         TEXT    NOT NULL,
    directory     TEXT    NOT NULL,
    workspace     TEXT,
    mode          TEXT    NOT NULL,
    model         TEXT,
    policy        TEXT    NOT NULL,
    agent_session TEXT,
    state         TEXT    NOT NULL,
    is_current    INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    last_used     INTEGER NOT NULL,
    turns         INTEGER NOT NULL,
    messages      INTEGER NOT NULL,
    total_cost    INTEGER NOT NULL
, attended TEXT NOT NULL DEFAULT 'somebody') WITHOUT ROWID;
CREATE INDEX sessions_open ON sessions (last_used) WHERE state = 'open';
CREATE INDEX sessions_used ON sessions (last_used);

CREATE TABLE messages (
    number      INTEGER NOT NULL PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    session     TEXT    NOT NULL REFERENCES sessions (id),
    connector   TEXT    NOT NULL,
    chat        TEXT    NOT NULL,
    turn        TEXT,
    role        TEXT    NOT NULL,
    sender      TEXT,
    chat_key    TEXT,
    text        TEXT    NOT NULL,
    attachments TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    cost        INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    at          INTEGER NOT NULL
);
CREATE UNIQUE INDEX messages_key ON messages (connector, chat, chat_key) WHERE chat_key IS NOT NULL;
CREATE INDEX messages_session ON messages (session, number);
CREATE INDEX messages_chat ON messages (connector, chat, number);
CREATE INDEX messages_unfinished ON messages (number) WHERE state IN ('waiting', 'given');

CREATE VIRTUAL TABLE messages_text USING fts5 (text, content = 'messages', content_rowid = 'number');
CREATE TRIGGER messages_text_insert AFTER INSERT ON messages BEGIN
    INSERT INTO messages_text (rowid, text) VALUES (new.number, new.text);
END;
CREATE TRIGGER messages_text_update AFTER UPDATE OF text ON messages WHEN old.text IS NOT new.text BEGIN
    INSERT INTO messages_text (messages_text, rowid, text) VALUES ('delete', old.number, old.text);
    INSERT INTO messages_text (rowid, text) VALUES (new.number, new.text);
END;
CREATE TRIGGER messages_text_delete AFTER DELETE ON messages BEGIN
    INSERT INTO messages_text (messages_text, rowid, text) VALUES ('delete', old.number, old.text);
END;

CREATE TABLE asks (
    number    INTEGER NOT NULL PRIMARY KEY,
    id        TEXT    NOT NULL UNIQUE,
    session   TEXT    NOT NULL REFERENCES sessions (id),
    connector TEXT    NOT NULL,
    chat      TEXT    NOT NULL,
    call      TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    state     TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER NOT NULL,
    body      TEXT    NOT NULL,
    steps     TEXT    NOT NULL
);
CREATE INDEX asks_unfinished ON asks (number) WHERE state IN ('created', 'delivered', 'seen', 'answered');
CREATE INDEX asks_session ON asks (session, number);

CREATE TABLE grants (
    id      TEXT    NOT NULL PRIMARY KEY,
    session TEXT    NOT NULL REFERENCES sessions (id),
    rule    TEXT    NOT NULL,
    given_by TEXT   NOT NULL,
    given   INTEGER NOT NULL,
    revoked INTEGER,
    body    TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX grants_session ON grants (session, given);
CREATE INDEX grants_valid ON grants (session) WHERE revoked IS NULL;

CREATE TABLE runs (
    id      TEXT    NOT NULL PRIMARY KEY,
    session TEXT    REFERENCES sessions (id),
    state   TEXT    NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    body    TEXT    NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_updated ON runs (updated);
CREATE INDEX runs_state ON runs (state, updated);

CREATE TABLE events (
    seq     INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    name    TEXT    NOT NULL,
    session TEXT,
    body    TEXT    NOT NULL
);
PRAGMA user_version = 2;

INSERT INTO sessions VALUES('s1','telegram','42','dev','claude','/home/dev/proj','näher','edit',NULL,'["default","dev-tools"]','0c1f','open',1,1790000000000007,1790000001000007,3,5,1234567,'somebody');
INSERT INTO messages VALUES(1,'m1','s1','telegram','42','t1','user','dev','key of m1','the text of m1','[]','waiting',0,0,1790000002000007);
INSERT INTO asks VALUES(1,'a1','s1','telegram','42','toolu_a1','plan-review','created',1790000003000007,1790000300000007,'{"id":"a1","session":"s1","kind":{"kind":"plan-review","call":{"agent":"claude","session":"s1","tool":"Edit","input":{"file_path":"a.rs","n":18446744073709551615,"new_string":"x\u0000y","ratio":0.30000000000000004,"small":2e-73},"cwd":"/home/dev/proj","id":"toolu_a1","subagent":null},"plan":"1. look\n2. leap"},"digest":"640c9ead17ff65da9d275c60f4d04c5ce839802db4d61dcc0e7fc864543d9a7d","created":"2026-09-21T14:13:23.000007Z","expires":"2026-09-21T14:18:20.000007Z"}','[{"state":"created","at":"2026-09-21T14:13:23.000007Z","decision":"ask"}]');
INSERT INTO grants VALUES('g1','s1','git push in /home/dev/proj','dev',1790000004000007,NULL,'{"band":"medium","held":"not-proven","prefix":["git","push"]}');
INSERT INTO runs VALUES('r1','s1','running',1790000005000007,1790000006000007,'{"phases":[1,2,3],"task":"mend it"}');
INSERT INTO events VALUES(1,1790000007000007,'message.out','s1','{"event":"message.out","session":"s1","text":"piece 1"}');
