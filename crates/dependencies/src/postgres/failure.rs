//! Why a PostgreSQL server cannot be used, told apart: what is worth another attempt, and what an operator must change.

use lameduck::DependencyError;
use sqlx::postgres::PgConnectOptions;
use std::io;

/// What a failed attempt to connect means.
#[expect(clippy::wildcard_enum_match_arm, reason = "what sqlx may add is worth another attempt")]
pub(super) fn of(error: &sqlx::Error, options: &PgConnectOptions) -> DependencyError {
    let server = options.get_socket().map_or_else(
        || format!("{}:{}", options.get_host(), options.get_port()),
        |socket| socket.display().to_string(),
    );
    let (user, database) = (options.get_username(), options.get_database().unwrap_or(options.get_username()));
    match error {
        sqlx::Error::Database(refused) => match refused.code().as_deref().unwrap_or("") {
            "28P01" => DependencyError::permanent(format!("{server} refuses the password of user {user}")),
            code if code.starts_with("28") => {
                DependencyError::permanent(format!("{server} does not let user {user} in: {}", refused.message()))
            }
            "3D000" => DependencyError::permanent(format!("{server} has no database {database}")),
            "42501" => DependencyError::permanent(format!("user {user} may not use database {database} of {server}")),
            // Starting up, shutting down, too many connections.
            _ => DependencyError::transient(format!("{server}: {}", refused.message())),
        },
        sqlx::Error::Tls(reason) => tls(&server, &**reason),
        // What rustls refuses comes as this; everything else is the connection's end.
        sqlx::Error::Io(reason) if reason.kind() == io::ErrorKind::InvalidData => tls(&server, reason),
        // What sqlx makes of a connection that ends without a byte: a proxy whose server is away does that.
        sqlx::Error::Protocol(what) if what.contains("SSLRequest: 0x00") => {
            DependencyError::transient(format!("{server} closed the connection without an answer"))
        }
        sqlx::Error::Protocol(_) => DependencyError::permanent(format!("{server} is not a PostgreSQL server: {error}")),
        sqlx::Error::Io(reason) => DependencyError::transient(format!("{server}: {reason}")),
        other => DependencyError::transient(format!("{server}: {other}")),
    }
}

fn tls(server: &str, reason: &(dyn std::error::Error + 'static)) -> DependencyError {
    let text = lameduck_support::error::chain(reason);
    let why = if text.contains("corrupt message") || text.contains("InvalidContentType") {
        "is not a PostgreSQL server: it does not speak TLS"
    } else if text.contains("does not support TLS") {
        "does not offer TLS, which sslmode requires"
    } else if text.contains("NotValidForName") || text.contains("not valid for") {
        "has a certificate of another name"
    } else if text.contains("UnknownIssuer") {
        "has a certificate of an unknown issuer: set sslrootcert in the URL"
    } else {
        "cannot be reached by TLS"
    };
    DependencyError::permanent(format!("{server} {why}: {text}"))
}
