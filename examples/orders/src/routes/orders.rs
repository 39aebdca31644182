//! `POST /orders`, `GET /orders/{id}`, `GET /orders?after=&limit=`.

use crate::error::Error;
use crate::orders::{self, NewOrder, Order};
use crate::service;
use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use lameduck_dependencies::sql::{SqlError, Tx};
use serde::{Deserialize, Serialize};

const TEXT_BYTES_MAX: usize = 200;
const AMOUNT_CENTS_MAX: i64 = 100_000_000_000;
const LIMIT_DEFAULT: u32 = 20;
const LIMIT_MAX: u32 = 100;

/// Places an order. The transaction is committed with the answer, by `Idempotency::on`.
pub async fn place(
    State(state): State<service::State>,
    mut tx: Tx,
    body: Result<Json<NewOrder>, JsonRejection>,
) -> Result<Response, Error> {
    let Json(new) = body?;
    check(&new)?;
    let order = orders::place(&mut tx, &state.outbox, new).await?;
    let location = format!("/orders/{}", order.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(order)).into_response())
}

/// One order: from the cache, else from the database.
pub async fn find(State(state): State<service::State>, Path(id): Path<String>) -> Result<Response, Error> {
    let load = {
        let (database, id) = (state.database.clone(), id.clone());
        move || async move {
            let order = orders::find(&database, &id).await?;
            let json = order.map(|order| serde_json::to_vec(&order)).transpose();
            json.map(|json| json.map(Bytes::from)).map_err(|error| SqlError::Wrong(error.to_string()))
        }
    };
    let found = state.cache.get(&id, load).await.map_err(|error| Error::Database(error.get().clone()))?;
    let order = found.ok_or_else(|| no_order(&id))?;
    Ok(([(CONTENT_TYPE, "application/json")], order).into_response())
}

/// Which page.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The `next` of the page before.
    #[serde(default)]
    after: String,
    limit: Option<u32>,
}

/// A page.
#[derive(Debug, Serialize)]
pub struct Orders {
    orders: Vec<Order>,
    /// `after` of the next page; null: this was the last.
    next: Option<String>,
}

/// The orders, page by page.
pub async fn list(
    State(state): State<service::State>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Orders>, Error> {
    let Query(Page { after, limit }) = page.map_err(|rejection| Error::BadRequest(rejection.body_text()))?;
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Error::BadRequest(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    let orders = orders::page(&state.database, &after, limit).await?;
    let is_full = orders.len() == limit as usize;
    let next = orders.last().filter(|_| is_full).map(|order| order.id.clone());
    Ok(Json(Orders { orders, next }))
}

/// There is no such order.
pub fn no_order(id: &str) -> Error {
    Error::NotFound(format!("there is no order {id}"))
}

fn check(new: &NewOrder) -> Result<(), Error> {
    for (name, text) in [("customer", &new.customer), ("item", &new.item)] {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.contains('\0') {
            return Err(Error::BadRequest(format!("{name} must be text of 1 to {TEXT_BYTES_MAX} bytes")));
        }
    }
    if !(1..=AMOUNT_CENTS_MAX).contains(&new.amount_cents) {
        return Err(Error::BadRequest(format!("amount_cents must be 1 to {AMOUNT_CENTS_MAX}")));
    }
    Ok(())
}
