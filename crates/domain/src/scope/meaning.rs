//! What a scope means to the seller who is asked for it.

use std::collections::BTreeMap;

use super::{WriteScope, split};

/// What of a shop a scope is about, on whichever platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShopResource {
    Orders,
    /// Those too that are older than a platform shows otherwise.
    OrderHistory,
    DraftOrders,
    Returns,
    Sales,
    Shipments,
    Shipping,
    Couriers,
    Products,
    ProductLinks,
    Categories,
    Brands,
    Suppliers,
    Prices,
    Inventory,
    Warehouses,
    Customers,
    PersonalData,
    Carts,
    LoyaltyPoints,
    Notifications,
    Community,
    Promotions,
    GiftCards,
    Channels,
    Payouts,
    SalesReports,
    Analytics,
    Shop,
    Design,
    Content,
    Translations,
    App,
}

/// What may be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScopeAccess {
    Read,
    Change,
    ReadAndChange,
}

/// One line of what a seller is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedScope {
    Known(ScopeAccess, ShopResource),
    /// In the platform's spelling, since nobody has written down what it means.
    Unknown(String),
}

impl AskedScope {
    /// The scopes in the platform's spelling as lines: one for each resource, and those last that
    /// `resources`, the platform's own names of them, does not have.
    pub fn read_all<'a>(
        names: impl IntoIterator<Item = &'a str>,
        write: WriteScope,
        resources: &[(&str, ShopResource)],
    ) -> Vec<Self> {
        let mut known = BTreeMap::<ShopResource, ScopeAccess>::new();
        let mut unknown = Vec::new();
        for name in names {
            let Some((access, resource)) = read(name, write, resources) else {
                let asked = Self::Unknown(name.to_owned());
                if !unknown.contains(&asked) {
                    unknown.push(asked);
                }
                continue;
            };
            known
                .entry(resource)
                .and_modify(|known| *known = known.with(access))
                .or_insert(access);
        }
        let known = known
            .into_iter()
            .map(|(resource, access)| Self::Known(access, resource));
        known.chain(unknown).collect()
    }
}

impl ScopeAccess {
    fn with(self, other: Self) -> Self {
        if self == other {
            self
        } else {
            Self::ReadAndChange
        }
    }
}

fn read(
    name: &str,
    write: WriteScope,
    resources: &[(&str, ShopResource)],
) -> Option<(ScopeAccess, ShopResource)> {
    let (action, named) = split(name)?;
    let (_, resource) = resources.iter().find(|(known, _)| *known == named)?;
    let access = match (action, write) {
        ("read", _) => ScopeAccess::Read,
        ("write", WriteScope::StandsAlone) => ScopeAccess::Change,
        _ => ScopeAccess::ReadAndChange,
    };
    Some((access, *resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCES: &[(&str, ShopResource)] = &[
        ("orders", ShopResource::Orders),
        ("products", ShopResource::Products),
        ("collections", ShopResource::Products),
    ];

    #[track_caller]
    fn check(names: &[&str], write: WriteScope, expected: &[AskedScope]) {
        let asked = AskedScope::read_all(names.iter().copied(), write, RESOURCES);
        assert_eq!(asked, expected);
    }

    #[test]
    fn each_resource_is_one_line_and_what_nobody_knows_comes_last() {
        use AskedScope::{Known, Unknown};
        use ScopeAccess::{Change, Read, ReadAndChange};
        use ShopResource::{Orders, Products};
        use WriteScope::{CoversRead, StandsAlone};

        check(&[], StandsAlone, &[]);
        check(&["read_orders"], StandsAlone, &[Known(Read, Orders)]);
        check(&["mall.read_orders"], StandsAlone, &[Known(Read, Orders)]);
        check(&["write:orders"], StandsAlone, &[Known(Change, Orders)]);
        check(
            &["write:orders"],
            CoversRead,
            &[Known(ReadAndChange, Orders)],
        );
        check(
            &["manage:orders"],
            StandsAlone,
            &[Known(ReadAndChange, Orders)],
        );
        check(
            &["write_orders", "read_orders", "read_orders"],
            StandsAlone,
            &[Known(ReadAndChange, Orders)],
        );
        check(
            &[
                "read_x",
                "all",
                "read_collections",
                "read_x",
                "read_products",
                "read_orders",
            ],
            StandsAlone,
            &[
                Known(Read, Orders),
                Known(Read, Products),
                Unknown("read_x".to_owned()),
                Unknown("all".to_owned()),
            ],
        );
    }
}
