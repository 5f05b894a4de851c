//! Which calls were permitted, denied or are waiting, so that what ran can be compared with what was approved.
