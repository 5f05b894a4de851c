-- Version 2. Whether what a session's agent asks can be put to anybody. Those kept before went on as if it could.

ALTER TABLE sessions ADD COLUMN attended TEXT NOT NULL DEFAULT 'somebody';
