//! A server and a client, for tests.
