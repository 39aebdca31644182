//! The word by which others reach a connection.

/// What a connection has been told: bits of one word, which its task reads before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told(pub(crate) u32);

impl Told {
    /// End now, whatever is under way.
    pub(crate) const KILL: Self = Self(1);
    /// HTTP/2: send GOAWAY.
    pub(crate) const GO_AWAY: Self = Self(2);
    /// Close, if a look shows that nothing is under way.
    pub(crate) const CLOSE_IDLE: Self = Self(4);
    /// Write down the round-trip time.
    pub(crate) const MEASURE: Self = Self(8);
    /// The request has run out of time.
    pub(crate) const TIME_OUT: Self = Self(16);
    /// Not told, but so: the socket belongs to an upgraded protocol.
    pub(crate) const UPGRADED: Self = Self(32);

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(crate) const fn has(self, any_of: Self) -> bool {
        self.0 & any_of.0 != 0
    }
}
