//! An error with its causes.

use std::error::Error;

/// The error and its causes in one line: `a: b: c`. The outermost error of a client library often says nothing by
/// itself; a cause whose text is already there is not repeated.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// The last cause of the error, or the error itself: it says what was wrong, those around it say where in the code.
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

/// The causes of the error, from the outside in, without the error itself.
pub fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&'a (dyn Error + 'static)| (*cause).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl std::fmt::Display for Layer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (first, rest) = texts.split_first().expect("at least one");
        Layer(first, (!rest.is_empty()).then(|| Box::new(layers(rest))))
    }

    #[test]
    fn every_cause_is_named_once() {
        assert_eq!(chain(&layers(&["alone"])), "alone");
        assert_eq!(chain(&layers(&["client error", "connect", "refused"])), "client error: connect: refused");
        assert_eq!(chain(&layers(&["connect: refused", "refused", "111"])), "connect: refused: 111");
        assert_eq!(innermost(&layers(&["a", "b", "c"])).to_string(), "c");
        assert_eq!(innermost(&layers(&["a"])).to_string(), "a");
    }
}
