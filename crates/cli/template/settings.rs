//! The configuration keys of this service, next to the engine's.

use lameduck::config::{Section, Values};

/// The settings of this service.
#[derive(Clone, Debug)]
pub struct Settings {
    // /// Maximum number of items in a cart.
    // pub items_max: usize,
}

impl lameduck::config::Settings for Settings {
    // One entry gives a key its parser, its line in `@name@ check`, its variable (`@NAME@_CART__ITEMS_MAX`), and its
    // place in `@name@ keys`.
    const SECTIONS: &'static [Section] = &[
        // Section {
        //     name: "cart",
        //     doc: "Carts of customers.",
        //     keys: &[Key::new("cart.items_max", Kind::Count { min: 1, max: 1000 }, "100", "Most items of a cart.")],
        // },
    ];

    fn read(_values: &Values) -> Self {
        Self {
            // items_max: values.get("cart.items_max"),
        }
    }
}
