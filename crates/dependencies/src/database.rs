//! A database of whichever kind the operator has configured.

use crate::sql::Sql;
use lameduck::{DependencyNotFound, Start};

/// The handle of the dependency `name`, whether it is PostgreSQL or SQLite.
///
/// # Errors
/// As [`Start::dependency`].
pub fn database<S>(start: &Start<S>, name: &str) -> Result<Sql, DependencyNotFound> {
    #[cfg(all(feature = "postgres", feature = "sqlite"))]
    if let Ok(sql) = start.dependency::<crate::Sqlite>(name) {
        return Ok(sql);
    }
    #[cfg(feature = "postgres")]
    return start.dependency::<crate::Postgres>(name);
    #[cfg(not(feature = "postgres"))]
    return start.dependency::<crate::Sqlite>(name);
}
