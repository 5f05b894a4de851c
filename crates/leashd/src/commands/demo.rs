//! `leashd demo`: the real pipeline on a built-in script. Needs no account, touches nothing outside a temporary directory.
