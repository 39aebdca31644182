//! `google.protobuf.Struct` as the JSON object that it stands for.

use crate::error::Error;
use prost_types::Struct;
use prost_types::value::Kind;
use serde_json::{Map, Number, Value};

/// Whole numbers up to here are exact as `f64`.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The object.
///
/// # Errors
/// [`Error::Unprocessable`] if it is missing, or has a number that JSON does not have.
pub fn object(message: Option<Struct>) -> Result<Map<String, Value>, Error> {
    let message = message.ok_or_else(|| Error::Unprocessable("the object is missing".to_owned()))?;
    map(message)
}

fn map(message: Struct) -> Result<Map<String, Value>, Error> {
    message.fields.into_iter().map(|(name, field)| Ok((name, value(field)?))).collect()
}

fn value(message: prost_types::Value) -> Result<Value, Error> {
    Ok(match message.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::NumberValue(number)) => Value::Number(whole_or_not(number)?),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(value).collect::<Result<_, _>>()?),
        Some(Kind::StructValue(message)) => Value::Object(map(message)?),
    })
}

/// 1.0 is 1, as in the JSON form of a Struct.
fn whole_or_not(number: f64) -> Result<Number, Error> {
    if number.fract() == 0.0 && number.abs() <= WHOLE_MAX {
        return Ok(Number::from(number as i64));
    }
    Number::from_f64(number)
        .ok_or_else(|| Error::Unprocessable("the object has a number that is not finite".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: f64) -> Result<Value, Error> {
        value(prost_types::Value { kind: Some(Kind::NumberValue(number)) })
    }

    #[test]
    fn numbers_are_as_json_has_them() {
        assert_eq!(number(3.0), Ok(Value::from(3)));
        assert_eq!(number(-0.5), Ok(Value::from(-0.5)));
        assert_eq!(number(1e300), Ok(Value::from(1e300)));
        assert!(number(f64::NAN).is_err() && number(f64::INFINITY).is_err());
    }

    #[test]
    fn an_object_is_not_optional() {
        assert!(object(None).is_err());
        assert_eq!(object(Some(Struct::default())), Ok(Map::new()));
    }
}
