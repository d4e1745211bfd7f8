### What sellers read. They come once, mostly on a phone, and did not ask for this program.
### Plain words, short sentences, no blame. A variable with a name in it becomes an element of the page.

## Every page

# The name of the list of languages, for screen readers.
languages = 언어
# $reference: a short code.
reference = 고객 지원 문의 번호: { $reference }
# A point in time. $time: such as 14:05. Always UTC.
moment = { $year }년 { $month }월 { $day }일 { $time }(UTC)

## The page behind a hosted link

ask-title = 쇼핑몰을 연결하시겠습니까?
# $institution: a company. $platform: a shop system, such as Shopify.
ask-shop = { $institution }에서 고객님의 { $platform } 쇼핑몰 { $shop }에 대한 접근 권한을 요청합니다.
ask-any-shop = { $institution }에서 고객님의 { $platform } 쇼핑몰에 대한 접근 권한을 요청합니다.
fact-client = { $institution } 계정
fact-store = { $institution }에 등록된 스토어 이름
fact-platform = 플랫폼
scopes-title = { $institution }에서 할 수 있게 되는 일
scopes-unnamed = 공유되는 내용은 동의하시기 전에 { $platform }에서 표시합니다.
next-title = 다음 단계
next-sign-in = { $platform } 페이지에서 로그인합니다. 비밀번호는 다른 곳에 전달되지 않습니다.
next-consent = 공유되는 내용을 { $platform }에서 보여 드립니다. 동의하거나 거부하실 수 있습니다.
next-return = 이곳으로 돌아와 연결 결과를 확인합니다.
ask-caution = { $institution } 서비스를 알고 있고 연결을 원하시는 경우에만 계속하세요.
ask-until-days = 이 링크는 { $moment }까지 유효합니다. { $days }일 남았습니다.
ask-until-hours = 이 링크는 { $moment }까지 유효합니다. 약 { $hours }시간 남았습니다.
continue-button = { $platform }에서 계속하기
decline-lead = 거부하시면 아무것도 공유되지 않으며, 거부하신 사실이 { $institution }에 전달됩니다.
decline-button = 거부
over-title = 더 이상 사용할 수 없는 링크입니다
over-what = 링크가 만료되었거나 새 링크로 대체되었습니다. 이 링크를 통해 공유된 내용은 없습니다.
over-do = 계속 연결을 원하시면 { $institution }에 새 링크를 요청해 주세요.

## The page on which a key is handed in

fact-address = 쇼핑몰 주소
push-title = 내 쇼핑몰에서 연결하기
push-lead = 쇼핑몰에 로그인하여 허용해 주세요. 그러면 쇼핑몰에서 전용 키를 만들어 자동으로 이곳에 보냅니다.
push-button = 내 쇼핑몰에서 연결하기
paste-title = 키 입력하기
# $place: the way to the key in the shop's own pages, in English.
paste-where = { $platform } 쇼핑몰의 다음 위치에서 키를 확인하거나 만들 수 있습니다: { $place }
# $permission: a word of the shop's own pages, in English.
paste-permission = 키의 권한을 선택해야 하는 경우 { $permission } 항목을 선택해 주세요.
paste-use = { $institution }에서는 이 키를 볼 수 없습니다. 키는 암호화하여 보관하며, 위에 안내된 용도로만 사용합니다.
paste-button = 이 키로 연결하기
paste-problems = 키가 아직 접수되지 않았습니다. 아래에 표시된 내용을 확인해 주세요.
# $field: what the platform calls one text of a key, in English, such as Consumer key.
paste-missing = { $field } 항목을 입력해 주세요.
paste-too-long = 입력하신 내용이 너무 깁니다. { $field } 값만 다시 복사해 주세요.
paste-broken = 입력하신 내용에 공백이나 줄바꿈이 있습니다. { $field } 값만 다시 복사해 주세요.
paste-another-text = 다른 값이 입력되었습니다. { $field } 값은 { $beginning } 문자로 시작합니다. 다시 복사해 주세요.
checking-title = 키를 확인하고 있습니다
checking-what = { $platform }에서 아직 응답이 없습니다. 몇 분 정도 걸릴 수 있습니다.
checking-do = 기다리지 않으셔도 됩니다. 이 페이지를 닫고 나중에 링크를 다시 열어 결과를 확인하실 수 있습니다.
checking-again = 지금 다시 확인하기

## Scopes in plain words

# $resource: one of the messages below, which stand within the sentence.
scope-read = { $resource } 조회
scope-change = { $resource } 변경
scope-read-and-change = { $resource } 조회 및 변경
resource-orders = 주문
resource-order-history = 이전 주문을 포함한 모든 주문
resource-draft-orders = 임시 저장된 주문
resource-returns = 반품
resource-sales = 판매 내역
resource-shipments = 배송 내역
resource-shipping = 배송 설정
resource-couriers = 택배사
resource-products = 상품
resource-product-links = 상품과 판매 채널의 연결 정보
resource-categories = 상품 분류
resource-brands = 상품의 브랜드와 제조사
resource-suppliers = 공급사
resource-prices = 가격
resource-inventory = 재고 수량
resource-warehouses = 창고와 지점
resource-customers = 고객 정보
resource-personal-data = 고객의 개인정보
resource-carts = 고객의 장바구니와 관심 상품
resource-loyalty-points = 고객의 적립금
resource-notifications = 고객에게 보내는 메시지
resource-community = 게시판과 후기
resource-promotions = 할인과 프로모션
resource-gift-cards = 기프트 카드
resource-channels = 판매 채널
resource-payouts = 잔액과 정산 내역
resource-sales-reports = 매출 보고서
resource-analytics = 쇼핑몰 통계
resource-shop = 쇼핑몰 기본 정보
resource-design = 쇼핑몰 디자인
resource-content = 쇼핑몰의 페이지와 글
resource-translations = 쇼핑몰 번역
resource-app = 쇼핑몰에 설치된 이 앱의 설정

## How it ended

connected-title = 쇼핑몰이 연결되었습니다
connected-what = { $platform }에서 확인되었습니다.
connected-do = 모두 완료되었습니다. 이 페이지를 닫고 { $service }에서 계속 진행하시면 됩니다.
pending-title = { $platform }에서 아직 응답이 없습니다
pending-what = 아직 결과가 정해지지 않았습니다.
pending-do = 1분 후에 이 페이지를 새로 고쳐 결과를 확인해 주세요.
still-connected = 쇼핑몰은 이전과 같이 연결되어 있습니다.
move-seller = 고객님의 조치가 필요합니다
move-institution = { $service }의 조치가 필요합니다
move-operator = 이 페이지 운영자의 조치가 필요합니다
move-platform = { $platform }의 조치가 필요합니다
denied-title = 연결을 거부하셨습니다
denied-what = 공유된 내용은 없습니다.
denied-do = 실수로 거부하셨다면 { $service }에 새 링크를 요청해 주세요.
expired-title = 만료된 링크입니다
expired-what = 기한 내에 절차가 완료되지 않았습니다. 공유된 내용은 없습니다.
expired-do = { $service }에 새 링크를 요청하고, 링크를 여신 뒤에는 바로 절차를 마쳐 주세요.
mismatch-title = 다른 쇼핑몰입니다
mismatch-what = { $platform }에 로그인된 쇼핑몰이 요청된 쇼핑몰과 다릅니다. 연결되지 않았습니다.
mismatch-do = 먼저 { $platform }에서 올바른 쇼핑몰에 로그인한 다음 { $service }에 새 링크를 요청해 주세요.
taken-title = 이미 연결된 쇼핑몰입니다
taken-what = 다른 계정이나 스토어에 연결되어 있으며, 한 곳에만 연결할 수 있습니다.
taken-do = { $service }에 문의하시거나 다른 쇼핑몰을 연결해 주세요.
key-title = 키가 승인되지 않았습니다
key-what = { $platform }에서 확인되지 않는 키이거나 필요한 권한이 없는 키입니다.
key-do = { $platform } 쇼핑몰 설정에서 키를 확인한 다음, { $service }에 새 링크를 요청해 주세요.
scopes-missing-title = 필요한 권한이 부족합니다
scopes-missing-what = 필요한 권한 중 일부가 허용되지 않아 쇼핑몰이 연결되지 않았습니다.
scopes-missing-do = { $service }에 새 링크를 요청하고, { $platform }에서 모든 권한을 켜 두세요.
rejected-title = { $platform }에서 연결을 거부했습니다
rejected-what = 공유된 내용은 없습니다. 거부 사유는 제공되지 않았습니다.
rejected-do = { $service }에 새 링크를 요청해 주세요. 다시 거부되면 { $platform } 고객 지원에 문의해 주세요.
unreachable-title = { $platform }에서 응답하지 않았습니다
unreachable-what = 고객님의 잘못이 아닙니다. 연결되지 않았습니다.
unreachable-do = 몇 분 기다리신 뒤 { $service }에 새 링크를 요청해 주세요.
misconfigured-title = 연결 설정이 올바르지 않습니다
misconfigured-what = 고객님의 잘못이 아니며, 여기서 하실 일은 없습니다. 먼저 설정을 바로잡아야 합니다.
misconfigured-do = 이 사실을 { $service }에 알려 주세요.
interrupted-title = 연결이 중단되었습니다
interrupted-what = 고객님의 잘못이 아닙니다. 연결되지 않았습니다.
interrupted-do = { $service }에 새 링크를 요청하여 다시 시도해 주세요.
lapsed-title = 연결이 만료되었습니다
lapsed-what = { $platform } 연결은 일정 기간만 유지되며, 그 기간이 끝났습니다.
lapsed-do = 쇼핑몰을 다시 연결하려면 { $service }에 새 링크를 요청해 주세요.
revoked-title = 연결이 철회되었습니다
revoked-what = { $platform }에서 접근 권한이 철회되었습니다.
revoked-do = 쇼핑몰을 다시 연결하려면 { $service }에 새 링크를 요청해 주세요.
uninstalled-title = 쇼핑몰에서 앱이 삭제되었습니다
uninstalled-what = 이에 따라 연결도 종료되었습니다.
uninstalled-do = 쇼핑몰을 다시 연결하려면 { $service }에 새 링크를 요청해 주세요.

## The app was opened on the platform

offer-title = 이 쇼핑몰을 연결하시겠습니까?
# $person: who is signed in on the platform.
signed-in-as = 플랫폼에 { $person } 계정으로 로그인되어 있습니다.
offer-next = { $institution } 서비스를 알고 있고 연결을 원하시는 경우에만 계속하세요. 공유되는 내용을 { $platform }에서 한 번 더 보여 줄 수 있습니다.
offer-button = 계속
offer-if-not = 원하지 않으시면 이 페이지를 닫으세요. 아무것도 변경되지 않습니다.
nothing-title = 이 쇼핑몰에 대기 중인 연결이 없습니다
nothing-what = 앱은 설치되어 있지만 여기서 이어서 진행할 연결이 없습니다.
nothing-do = 연결하려는 서비스에 이 쇼핑몰 전용 링크를 요청해 주세요. 링크를 받은 뒤 그 링크를 열거나 여기서 앱을 다시 열어 주세요.
not-theirs-title = 이 쇼핑몰은 대표 운영자만 연결할 수 있습니다
not-theirs-what = 공유되는 내용은 쇼핑몰 전체에 해당합니다. 아무것도 변경되지 않았습니다.
not-theirs-do = 쇼핑몰의 대표 운영자에게 여기서 앱을 열어 달라고 요청해 주세요.
already-title = 이미 연결된 쇼핑몰입니다
already-what = 이 앱을 통한 연결이 정상적으로 작동하고 있습니다. 여기서 더 하실 일은 없습니다.
already-do = 다른 서비스에 연결하려던 것이라면 그 서비스에 이 쇼핑몰 전용 링크를 요청해 주세요.
launch-over-title = 앱을 다시 열어 주세요
launch-over-what = 이 페이지는 이미 사용되었거나 너무 오래되었습니다. 다시 열어도 변경된 것은 없습니다.
launch-over-do = { $platform }의 쇼핑몰 관리 화면으로 돌아가서 앱을 다시 열어 주세요.

## What goes wrong

unknown-title = 사용할 수 없는 링크입니다
unknown-what = 만료되었거나, 새 링크로 대체되었거나, 절차를 시작한 브라우저와 다른 브라우저에서 열렸을 수 있습니다.
unknown-do = 안내받으신 서비스에 새 링크를 요청하고, 쇼핑몰에 로그인되어 있는 브라우저에서 열어 주세요.
several-title = 링크 하나로 다시 시작해 주세요
several-what = 이 브라우저에서 두 개 이상의 연결이 시작되었고, 어느 연결에 대한 응답인지 플랫폼에서 알려 주지 않았습니다. 연결되지 않았습니다.
several-do = 다른 페이지를 닫고 링크 하나를 다시 열어 끝까지 진행하신 뒤에 다른 링크를 열어 주세요.
elsewhere-title = 다른 브라우저에서 시작된 절차입니다
elsewhere-what = { $institution }에서 요청한 { $platform } 쇼핑몰 연결이 다른 브라우저에서 시작되었으며, 그 브라우저에서만 완료할 수 있습니다. 여기서는 아무것도 연결되지 않았습니다.
elsewhere-do = 직접 시작하셨다면 그 브라우저로 돌아가시거나, { $institution }에서 받으신 링크를 이 브라우저에서 다시 열어 주세요.
elsewhere-caution = 다른 사람이 보낸 주소로 { $platform }에 접속하셨다면 여기서 멈춰 주세요. 쇼핑몰이 다른 사람의 계정에 연결될 수 있습니다. { $institution }에 본인용 링크를 요청해 주세요.
late-title = 시간이 너무 오래 걸렸습니다
late-what = { $platform }에서 너무 늦게 돌아오셨습니다. 아무것도 연결되지 않았습니다.
late-do = { $institution }에서 받으신 링크를 다시 열고, 중간에 오래 멈추지 말고 끝까지 진행해 주세요.
busy-title = 잠시만 기다려 주세요
busy-do = 사용 중인 네트워크에서 접속이 너무 많았습니다. { $seconds }초 후에 이 페이지를 새로 고쳐 주세요.
failed-title = 저희 쪽에서 문제가 발생했습니다
failed-do = 고객님의 잘못이 아닙니다. 몇 분 기다리신 뒤 이 페이지를 새로 고치거나, 안내받으신 서비스에 새 링크를 요청해 주세요.
