//! `leashd trust`: a person vouches for a project's `.mcp.json`, by its digest.
