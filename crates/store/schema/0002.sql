ALTER TABLE sessions ADD COLUMN attended TEXT NOT NULL DEFAULT 'somebody';
