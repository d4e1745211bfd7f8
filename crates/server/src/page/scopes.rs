//! What a seller is asked for, in plain words.

use domain::{AskedScope, ScopeAccess, ShopResource};
use maud::{Markup, html};

use super::Frame;
use super::name::clean;
use crate::language::{Message, Slot};

/// One line for each; what nobody has words for is shown as the platform spells it.
pub(super) fn scope_list(frame: &Frame<'_>, scopes: &[AskedScope]) -> Markup {
    html! {
        ul {
            @for scope in scopes {
                li {
                    @match scope {
                        AskedScope::Known(access, resource) => {
                            (frame.say(phrase(*access), [
                                ("resource", Slot::Element(frame.say(noun(*resource), []))),
                            ]))
                        },
                        AskedScope::Unknown(name) => { code { bdi { (clean(name)) } } },
                    }
                }
            }
        }
    }
}

const fn phrase(access: ScopeAccess) -> Message {
    match access {
        ScopeAccess::Read => Message::ScopeRead,
        ScopeAccess::Change => Message::ScopeChange,
        ScopeAccess::ReadAndChange => Message::ScopeReadAndChange,
    }
}

const fn noun(resource: ShopResource) -> Message {
    match resource {
        ShopResource::Orders => Message::ResourceOrders,
        ShopResource::OrderHistory => Message::ResourceOrderHistory,
        ShopResource::DraftOrders => Message::ResourceDraftOrders,
        ShopResource::Returns => Message::ResourceReturns,
        ShopResource::Sales => Message::ResourceSales,
        ShopResource::Shipments => Message::ResourceShipments,
        ShopResource::Shipping => Message::ResourceShipping,
        ShopResource::Couriers => Message::ResourceCouriers,
        ShopResource::Products => Message::ResourceProducts,
        ShopResource::ProductLinks => Message::ResourceProductLinks,
        ShopResource::Categories => Message::ResourceCategories,
        ShopResource::Brands => Message::ResourceBrands,
        ShopResource::Suppliers => Message::ResourceSuppliers,
        ShopResource::Prices => Message::ResourcePrices,
        ShopResource::Inventory => Message::ResourceInventory,
        ShopResource::Warehouses => Message::ResourceWarehouses,
        ShopResource::Customers => Message::ResourceCustomers,
        ShopResource::PersonalData => Message::ResourcePersonalData,
        ShopResource::Carts => Message::ResourceCarts,
        ShopResource::LoyaltyPoints => Message::ResourceLoyaltyPoints,
        ShopResource::Notifications => Message::ResourceNotifications,
        ShopResource::Community => Message::ResourceCommunity,
        ShopResource::Promotions => Message::ResourcePromotions,
        ShopResource::GiftCards => Message::ResourceGiftCards,
        ShopResource::Channels => Message::ResourceChannels,
        ShopResource::Payouts => Message::ResourcePayouts,
        ShopResource::SalesReports => Message::ResourceSalesReports,
        ShopResource::Analytics => Message::ResourceAnalytics,
        ShopResource::Shop => Message::ResourceShop,
        ShopResource::Design => Message::ResourceDesign,
        ShopResource::Content => Message::ResourceContent,
        ShopResource::Translations => Message::ResourceTranslations,
        ShopResource::App => Message::ResourceApp,
    }
}
