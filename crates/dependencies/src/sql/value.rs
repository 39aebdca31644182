//! What queries are given and what they return: the types that both databases have.

use super::SqlError;
use sqlx::Row as _;

/// A value that a query is given for `$1`, `$2`, …: see [`values!`](crate::values).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// BIGINT.
    Int(Option<i64>),
    /// DOUBLE PRECISION.
    Real(Option<f64>),
    /// BOOLEAN.
    Flag(Option<bool>),
    /// TEXT.
    Text(Option<String>),
    /// BYTEA; in SQLite a BLOB.
    Bytes(Option<Vec<u8>>),
}

macro_rules! from {
    ($($type:ty => $variant:ident($value:ident) $as:expr;)+) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$variant(Some($as))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $as))
            }
        }
    )+};
}

from! {
    i64 => Int(value) value;
    i32 => Int(value) value.into();
    u32 => Int(value) value.into();
    u16 => Int(value) value.into();
    f64 => Real(value) value;
    bool => Flag(value) value;
    String => Text(value) value;
    &str => Text(value) value.to_owned();
    &String => Text(value) value.clone();
    Vec<u8> => Bytes(value) value;
    &[u8] => Bytes(value) value.to_vec();
}

/// Values for the parameters of a query: `values![id, "ann", 3]`.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::sql::Value::from($value)),*] };
}

/// A row that a query returned.
#[derive(Debug)]
pub struct Row(pub(super) AnyRow);

#[derive(Debug)]
pub(super) enum AnyRow {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::postgres::PgRow),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::sqlite::SqliteRow),
}

impl Row {
    /// The column at `index`, from 0.
    ///
    /// # Errors
    /// [`SqlError::Wrong`] if there is none, or it is of another type: `BIGINT` is `i64`, `TEXT` is `String`, `BYTEA`
    /// is `Vec<u8>`; each may be an `Option`.
    pub fn get<T: Column>(&self, index: usize) -> Result<T, SqlError> {
        T::of(self, index).map_err(|error| SqlError::Wrong(error.to_string()))
    }
}

/// A type that a column can have.
pub trait Column: Sized + sealed::Sealed {
    #[doc(hidden)]
    fn of(row: &Row, index: usize) -> Result<Self, sqlx::Error>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! columns {
    ($($type:ty),+) => {$(
        impl sealed::Sealed for $type {}
        impl Column for $type {
            fn of(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
                match &row.0 {
                    #[cfg(feature = "postgres")]
                    AnyRow::Postgres(row) => row.try_get(index),
                    #[cfg(feature = "sqlite")]
                    AnyRow::Sqlite(row) => row.try_get(index),
                }
            }
        }
    )+};
}

columns!(i64, f64, bool, String, Vec<u8>);
columns!(Option<i64>, Option<f64>, Option<bool>, Option<String>, Option<Vec<u8>>);
