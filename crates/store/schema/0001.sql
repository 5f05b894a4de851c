-- Version 1. Released schemas are not edited; the next change is a new file.
-- Times are microseconds since 1970, money is nano-dollars, lists and bodies are JSON.

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
) WITHOUT ROWID;
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
