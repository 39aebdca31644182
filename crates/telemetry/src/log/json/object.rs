//! Writing a JSON object member by member, without building it first.

use super::Scalar;
use std::fmt::{Display, Result, Write};

/// An object that is being written.
pub(super) struct Object<'w> {
    out: &'w mut dyn Write,
    first: bool,
}

impl<'w> Object<'w> {
    /// Opens an object.
    pub(super) fn begin(out: &'w mut dyn Write) -> std::result::Result<Self, std::fmt::Error> {
        out.write_char('{')?;
        Ok(Self { out, first: true })
    }

    /// Members alone, to be put into objects by [`members`](Self::members).
    pub(super) fn inside(out: &'w mut dyn Write) -> Self {
        Self { out, first: true }
    }

    fn name(&mut self, name: &str) -> Result {
        if !std::mem::take(&mut self.first) {
            self.out.write_char(',')?;
        }
        self.out.write_char('"')?;
        Escaping(self.out).write_str(name)?;
        self.out.write_str("\":")
    }

    /// Members that were written before.
    pub(super) fn members(&mut self, members: &str) -> Result {
        if !members.is_empty() {
            if !std::mem::take(&mut self.first) {
                self.out.write_char(',')?;
            }
            self.out.write_str(members)?;
        }
        Ok(())
    }

    /// A string.
    pub(super) fn text(&mut self, name: &str, value: &str) -> Result {
        self.name(name)?;
        self.out.write_char('"')?;
        Escaping(self.out).write_str(value)?;
        self.out.write_char('"')
    }

    /// A string that need not be built first.
    pub(super) fn display(&mut self, name: &str, value: impl Display) -> Result {
        self.name(name)?;
        self.out.write_char('"')?;
        write!(Escaping(self.out), "{value}")?;
        self.out.write_char('"')
    }

    /// What is JSON already: a number, a boolean.
    pub(super) fn raw(&mut self, name: &str, value: impl Display) -> Result {
        self.name(name)?;
        write!(self.out, "{value}")
    }

    /// A value of a field.
    pub(super) fn scalar(&mut self, name: &str, value: &Scalar<'_>) -> Result {
        match value {
            // JSON has no word for infinity; `{:?}` keeps ".0", so that a float stays one.
            Scalar::Float(value) if value.is_finite() => self.raw(name, format_args!("{value:?}")),
            Scalar::Float(_) => self.raw(name, "null"),
            Scalar::Signed(value) => self.raw(name, value),
            Scalar::Unsigned(value) => self.raw(name, value),
            Scalar::Flag(value) => self.raw(name, value),
            Scalar::Text(value) => self.text(name, value),
            Scalar::Debug(value) => self.display(name, format_args!("{value:?}")),
        }
    }

    /// Opens an array of objects.
    pub(super) fn array(&mut self, name: &str) -> std::result::Result<Array<'_>, std::fmt::Error> {
        self.name(name)?;
        self.out.write_char('[')?;
        Ok(Array { out: self.out, first: true })
    }

    /// Closes the object and the line.
    pub(super) fn end(self) -> Result {
        self.out.write_str("}\n")
    }
}

/// An array that is being written.
pub(super) struct Array<'w> {
    out: &'w mut dyn Write,
    first: bool,
}

impl Array<'_> {
    /// An object with a name, and with the members of another object.
    pub(super) fn object_with_name(&mut self, name: &str, object: &str) -> Result {
        if !std::mem::take(&mut self.first) {
            self.out.write_char(',')?;
        }
        self.out.write_str("{\"span\":\"")?;
        Escaping(self.out).write_str(name)?;
        self.out.write_char('"')?;
        let members = object.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or("");
        if !members.is_empty() {
            write!(self.out, ",{members}")?;
        }
        self.out.write_char('}')
    }

    /// Closes the array.
    pub(super) fn end(self) -> Result {
        self.out.write_char(']')
    }
}

/// Writes the inside of a JSON string.
struct Escaping<'w>(&'w mut dyn Write);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> Result {
        let mut written = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= b' ' && byte != b'"' && byte != b'\\' {
                continue;
            }
            // Every byte that is escaped is a character by itself.
            self.0.write_str(&text[written..at])?;
            match byte {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                b'\n' => self.0.write_str("\\n")?,
                byte => write!(self.0, "\\u{byte:04x}")?,
            }
            written = at + 1;
        }
        self.0.write_str(&text[written..])
    }
}
