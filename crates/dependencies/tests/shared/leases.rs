//! Leases: one holder, taken over when it is given back.

use lameduck_dependencies::sql::{Event, Lease, Migration, Outbox, Sql};
use std::future::{pending, ready};
use std::time::Duration;

pub(crate) const MIGRATIONS: &[Migration] = &[Lease::MIGRATION, Outbox::MIGRATION];

pub(crate) async fn all(sql: &Sql) {
    sql.migrate(MIGRATIONS).await.unwrap();
    let (one, other) = (Lease::new(sql, "work"), Lease::new(sql, "work"));
    let unrelated = Lease::new(sql, "other work");
    let long = Duration::from_secs(3600);
    assert_eq!(one.take(long).await, Ok(true), "never done so far");
    assert_eq!(other.take(Duration::ZERO).await, Ok(false));
    assert_eq!(one.take(Duration::ZERO).await, Ok(true), "its holder may renew it");
    assert_eq!(unrelated.take(Duration::ZERO).await, Ok(true));
    other.give_back(true).await.unwrap();
    assert_eq!(other.take(Duration::ZERO).await, Ok(false), "only its holder can give it back");

    one.give_back(false).await.unwrap();
    assert_eq!(other.take(long).await, Ok(true), "given back undone, it is another's turn at once");
    other.give_back(true).await.unwrap();
    assert_eq!(one.take(long).await, Ok(false), "done: it rests");
    assert_eq!(one.take(Duration::ZERO).await, Ok(true));

    assert_eq!(one.hold(ready(7), pending()).await, Some(7));
    assert_eq!(one.hold(pending::<()>(), ready(())).await, None);

    outbox(sql).await;
}

/// An event exists exactly if its transaction was committed.
async fn outbox(sql: &Sql) {
    let outbox = Outbox::new(sql);
    for commits in [false, true] {
        let mut tx = sql.begin().await.unwrap();
        outbox.append(&mut tx, &Event::new("things", "1", "{}")).await.unwrap();
        if commits { tx.commit().await.unwrap() } else { drop(tx) }
    }
    assert_eq!(outbox.waiting().await, Ok(1));
}
