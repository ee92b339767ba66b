//! The writer's inner error, so that `?` works below the place that knows the file's path.
//!
//! A *refusal* concerns one command and leaves the transaction intact; everything else spoils it.

use std::path::Path;

use super::codec::CodecError;
use super::error::StoreError;

#[derive(Debug)]
pub(crate) enum Fail {
    Sql(rusqlite::Error),
    Codec(CodecError),
    Refused(StoreError),
}

impl std::convert::From<rusqlite::Error> for Fail {
    fn from(cause: rusqlite::Error) -> Self {
        Self::Sql(cause)
    }
}

impl std::convert::From<CodecError> for Fail {
    fn from(cause: CodecError) -> Self {
        Self::Codec(cause)
    }
}

impl std::convert::From<StoreError> for Fail {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl Fail {
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Sql(cause) => StoreError::sql(path, cause),
            Self::Codec(cause) => cause.into(),
            Self::Refused(error) => error,
        }
    }
}
