### What sellers read. They come once, mostly on a phone, and did not ask for this program.
### Plain words, short sentences, no blame. A variable with a name in it becomes an element of the page.

## Every page

# The name of the list of languages, for screen readers.
languages = Language
# $reference: a short code.
reference = Reference for support: { $reference }
# A point in time. $time: such as 14:05. Always UTC.
moment = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }, { $time } UTC

## The page behind a hosted link

ask-title = Connect your shop?
# $institution: a company. $platform: a shop system, such as Shopify.
ask-shop = { $institution } asks for access to your { $platform } shop { $shop }.
ask-any-shop = { $institution } asks for access to your { $platform } shop.
fact-client = Your account at { $institution }
fact-store = Store name at { $institution }
fact-platform = Platform
scopes-title = What { $institution } could do
scopes-unnamed = { $platform } shows you what would be shared before you agree.
next-title = What happens next
next-sign-in = You go to { $platform } and sign in there. Your password stays there.
next-consent = { $platform } shows what would be shared. You agree or refuse.
next-return = You come back and see whether it worked.
ask-caution = Continue only if you know { $institution } and want this.
ask-until-days = This link works until { $moment }, { $days ->
    [one] one more day
   *[other] { $days } more days
}.
ask-until-hours = This link works until { $moment }, { $hours ->
    [one] about one more hour
   *[other] about { $hours } more hours
}.
continue-button = Continue to { $platform }
decline-lead = If you decline, nothing is shared, and { $institution } is told so.
decline-button = Decline
over-title = This link does not work any more
over-what = It has expired, or a newer link has replaced it. Nothing was shared through it.
over-do = If you still want to connect your shop, ask { $institution } for a new link.

## The page on which a key is handed in

fact-address = Shop address
push-title = Connect at your shop
push-lead = Sign in to your shop and allow it there. Your shop then makes a key for this and sends it here by itself.
push-button = Connect at your shop
paste-title = Enter a key
# $place: the way to the key in the shop's own pages, in English.
paste-where = You find or make it in your { $platform } shop: { $place }.
# $permission: a word of the shop's own pages, in English.
paste-permission = If you are asked what the key may do, choose { $permission }.
paste-use = { $institution } does not get to see the key. It is kept encrypted, and used only for what is listed above.
paste-button = Connect with this key
paste-problems = The key was not taken yet. Please look at what is marked below.
# $field: what the platform calls one text of a key, in English, such as Consumer key.
paste-missing = Enter the { $field }.
paste-too-long = This is too long for a { $field }. Copy the { $field } once more, and nothing else.
paste-broken = There is a space or a line break in it. Copy the { $field } once more, and nothing else.
paste-another-text = This is another text: the { $field } begins with { $beginning }. Copy it once more.
checking-title = Your key is being checked
checking-what = { $platform } has not answered yet. That can take some minutes.
checking-do = You need not wait. You can close this page and open your link again later to see how it ended.
checking-again = Look again now

## Scopes in plain words

# $resource: one of the messages below, which stand within the sentence.
scope-read = Read { $resource }
scope-change = Change { $resource }
scope-read-and-change = Read and change { $resource }
resource-orders = your orders
resource-order-history = all your orders, old ones too
resource-draft-orders = your draft orders
resource-returns = your returns
resource-sales = your sales
resource-shipments = your shipments
resource-shipping = your shipping settings
resource-couriers = your delivery services
resource-products = your products
resource-product-links = how your products are linked to sales channels
resource-categories = your product categories
resource-brands = the brands and makers of your products
resource-suppliers = your suppliers
resource-prices = your prices
resource-inventory = your stock levels
resource-warehouses = your warehouses and locations
resource-customers = your customers
resource-personal-data = your customers’ personal data
resource-carts = your customers’ carts and wish lists
resource-loyalty-points = your customers’ points
resource-notifications = messages to your customers
resource-community = your message boards and reviews
resource-promotions = your discounts and promotions
resource-gift-cards = your gift cards
resource-channels = your sales channels
resource-payouts = your balance and payouts
resource-sales-reports = your sales reports
resource-analytics = your shop’s statistics
resource-shop = your shop’s details
resource-design = your shop’s design
resource-content = your shop’s pages and articles
resource-translations = your shop’s translations
resource-app = this app in your shop

## How it ended

connected-title = Your shop is connected
connected-what = { $platform } has confirmed it.
connected-do = You are done. You can close this page and go back to { $service }.
pending-title = { $platform } has not answered yet
pending-what = Nothing is decided so far.
pending-do = Reload this page in a minute to see how it ended.
still-connected = Your shop stays connected as it was before.
move-seller = It is your turn
move-institution = Now it is up to { $service }
move-operator = Now it is up to the operator of this page
move-platform = Now it is up to { $platform }
denied-title = You declined the connection
denied-what = Nothing was shared.
denied-do = If you did not mean to, ask { $service } for a new link.
expired-title = This link has expired
expired-what = It was not used to the end in time. Nothing was shared.
expired-do = Ask { $service } for a new link, and finish soon after you open it.
mismatch-title = This was a different shop
mismatch-what = You were signed in on { $platform } to a shop other than the one that was asked for. It was not connected.
mismatch-do = Sign in to the right shop on { $platform } first. Then ask { $service } for a new link.
taken-title = This shop is already connected
taken-what = It is connected under another account or store, and can be connected only once.
taken-do = Ask { $service } about it, or connect another shop.
key-title = The key was not accepted
key-what = { $platform } does not know this key, or the key lacks a permission.
key-do = Check the key in your shop’s settings on { $platform }. Then ask { $service } for a new link.
scopes-missing-title = A permission is missing
scopes-missing-what = Not everything that is needed was allowed, so your shop was not connected.
scopes-missing-do = Ask { $service } for a new link, and leave all permissions switched on at { $platform }.
rejected-title = { $platform } refused the connection
rejected-what = Nothing was shared. The platform did not say why.
rejected-do = Ask { $service } for a new link. If it is refused again, the support of { $platform } can help.
unreachable-title = { $platform } did not answer
unreachable-what = This is not your fault. Nothing was connected.
unreachable-do = Wait some minutes, then ask { $service } for a new link.
misconfigured-title = This connection is not set up correctly
misconfigured-what = This is not your fault, and there is nothing for you to do here. It has to be repaired first.
misconfigured-do = Please tell { $service }.
interrupted-title = The connection was interrupted
interrupted-what = This is not your fault. Nothing was connected.
interrupted-do = Ask { $service } for a new link and try once more.
lapsed-title = The connection has expired
lapsed-what = { $platform } lets a connection last only for a time, and that time is over.
lapsed-do = To connect your shop again, ask { $service } for a new link.
revoked-title = The connection was withdrawn
revoked-what = The access was taken back on { $platform }.
revoked-do = To connect your shop again, ask { $service } for a new link.
uninstalled-title = The app was removed from your shop
uninstalled-what = The connection ended with it.
uninstalled-do = To connect your shop again, ask { $service } for a new link.

## The app was opened on the platform

offer-title = Connect this shop?
# $person: who is signed in on the platform.
signed-in-as = You are signed in there as { $person }.
offer-next = Continue only if you know { $institution } and want this. { $platform } may show once more what would be shared.
offer-button = Continue
offer-if-not = If not, close this page, and nothing happens.
nothing-title = Nothing is waiting for this shop
nothing-what = The app is installed, but there is no connection that could be continued from here.
nothing-do = Ask the service that you want to connect for a link for exactly this shop. Open that link, or open the app here once more after you got it.
not-theirs-title = Only the chief operator can connect this shop
not-theirs-what = What would be shared belongs to the whole shop. Nothing was changed.
not-theirs-do = Ask the chief operator of the shop to open the app here.
already-title = This shop is already connected
already-what = The connection that was made with this app works. There is nothing for you to do here.
already-do = If you meant to connect it to another service, ask that service for a link for exactly this shop.
launch-over-title = Please open the app again
launch-over-what = This page was used before, or it is too old. Opening it again changed nothing.
launch-over-do = Go back to your shop on { $platform } and open the app there once more.

## What goes wrong

unknown-title = This link does not work
unknown-what = It may have expired, a newer link may have replaced it, or it was opened in another browser than the one it was started in.
unknown-do = Ask the service that sent you here for a new link. Open it in the browser in which you are signed in to your shop.
several-title = Please begin again with one link
several-what = More than one connection was begun in this browser, and the platform did not say which one it answers. Nothing was connected.
several-do = Close the other pages, open one of your links again, and finish there before you open another.
elsewhere-title = This was started in another browser
elsewhere-what = A connection between { $institution } and a shop on { $platform } was started in another browser. It can be finished only there. Nothing was connected here.
elsewhere-do = If you started it yourself, go back to that browser, or open your link from { $institution } again in this one.
elsewhere-caution = If somebody else sent you to { $platform }, stop here: your shop might be connected to somebody else’s account. Ask { $institution } for a link of your own.
late-title = This took too long
late-what = You came back from { $platform } too late. Nothing was connected.
late-do = Open your link from { $institution } again, and go through it without a long break.
busy-title = One moment, please
busy-do = There were too many visits from your network. Reload this page in { $seconds ->
    [one] one second
   *[other] { $seconds } seconds
}.
failed-title = Something went wrong on our side
failed-do = This is not your fault. Wait some minutes, then reload this page, or ask the service that sent you here for a new link.
