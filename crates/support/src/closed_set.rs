//! One declaration for a closed set of names: the enum, its list and its spelling cannot drift apart.

/// Declares an enum of unit variants with their spelling outside (metric labels, JSON, options).
///
/// Generates `ALL`, `as_str`, `parse`, `index`, `Display` and serde's `Serialize`/`Deserialize` by that spelling: the
/// crate that uses it depends on `serde` with `derive`.
#[macro_export]
macro_rules! closed_set {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every member, in declaration order.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$variant),+];

            /// The spelling used in metrics, JSON and logs.
            #[inline]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The member with this spelling.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|member| member.as_str() == text)
            }

            /// Position in [`Self::ALL`]: the index of this member's cell.
            #[inline]
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
