### What sellers read. They come once, mostly on a phone, and did not ask for this program.
### Plain words, short sentences, no blame. A variable with a name in it becomes an element of the page.

## Every page

# The name of the list of languages, for screen readers.
languages = 語言
# $reference: a short code.
reference = 客服查詢編號：{ $reference }
# A point in time. $time: such as 14:05. Always UTC.
moment = { $year }年{ $month }月{ $day }日 { $time }（UTC 時間）

## The page behind a hosted link

ask-title = 要連接您的商店嗎？
# $institution: a company. $platform: a shop system, such as Shopify.
ask-shop = { $institution } 要求存取您的 { $platform } 商店 { $shop }。
ask-any-shop = { $institution } 要求存取您的 { $platform } 商店。
fact-client = 您在 { $institution } 的帳號
fact-store = 在 { $institution } 登錄的商店名稱
fact-platform = 平台
scopes-title = { $institution } 將可以
scopes-unnamed = 在您同意之前，{ $platform } 會顯示將分享哪些內容。
next-title = 接下來的步驟
next-sign-in = 前往 { $platform } 並在該處登入。您的密碼只會留在該平台。
next-consent = { $platform } 會列出將分享的內容，由您決定同意或拒絕。
next-return = 接著您會回到這裡，查看是否連接成功。
ask-caution = 請只在您認識 { $institution } 且確實想要連接時繼續。
ask-until-days = 此連結有效至 { $moment }，還有 { $days } 天。
ask-until-hours = 此連結有效至 { $moment }，還有約 { $hours } 小時。
continue-button = 前往 { $platform }
decline-lead = 如果您拒絕，不會分享任何內容，{ $institution } 會收到通知。
decline-button = 拒絕
over-title = 此連結已失效
over-what = 連結已過期，或已由新的連結取代。並未透過它分享任何內容。
over-do = 如果您仍想連接商店，請向 { $institution } 索取新的連結。

## The page on which a key is handed in

fact-address = 商店網址
push-title = 在您的商店中連接
push-lead = 登入您的商店並在該處同意。接著您的商店會產生專用的金鑰，並自動傳送到這裡。
push-button = 在您的商店中連接
paste-title = 輸入金鑰
# $place: the way to the key in the shop's own pages, in English.
paste-where = 您可以在 { $platform } 商店的這個位置找到或建立金鑰：{ $place }。
# $permission: a word of the shop's own pages, in English.
paste-permission = 如果需要選擇金鑰的權限，請選擇 { $permission }。
paste-use = { $institution } 看不到此金鑰。金鑰會加密保存，且只用於上面列出的用途。
paste-button = 使用此金鑰連接
paste-problems = 金鑰尚未被接受，請檢查下方標示的內容。
# $field: what the platform calls one text of a key, in English, such as Consumer key.
paste-missing = 請輸入 { $field }。
paste-too-long = 內容過長，不是有效的 { $field }。請重新複製 { $field }，不要包含其他內容。
paste-broken = 內容中有空格或換行。請重新複製 { $field }，不要包含其他內容。
paste-another-text = 填寫的是其他內容：{ $field } 應以 { $beginning } 開頭。請重新複製。
checking-title = 正在檢查您的金鑰
checking-what = { $platform } 尚未回覆，可能需要幾分鐘。
checking-do = 您不必等待。可以關閉此頁面，稍後再次開啟您的連結查看結果。
checking-again = 立即查看結果

## Scopes in plain words

# $resource: one of the messages below, which stand within the sentence.
scope-read = 檢視{ $resource }
scope-change = 變更{ $resource }
scope-read-and-change = 檢視及變更{ $resource }
resource-orders = 您的訂單
resource-order-history = 您的所有訂單，包含較早的訂單
resource-draft-orders = 您的草稿訂單
resource-returns = 您的退貨單
resource-sales = 您的銷售紀錄
resource-shipments = 您的出貨資訊
resource-shipping = 您的運送設定
resource-couriers = 您的物流業者
resource-products = 您的商品
resource-product-links = 您的商品與銷售通路的對應
resource-categories = 您的商品分類
resource-brands = 您商品的品牌與製造商
resource-suppliers = 您的供應商
resource-prices = 您的價格
resource-inventory = 您的庫存數量
resource-warehouses = 您的倉庫與據點
resource-customers = 您的顧客資料
resource-personal-data = 您顧客的個人資料
resource-carts = 您顧客的購物車與願望清單
resource-loyalty-points = 您顧客的點數
resource-notifications = 傳送給您顧客的訊息
resource-community = 您的留言板與評論
resource-promotions = 您的折扣與促銷活動
resource-gift-cards = 您的禮物卡
resource-channels = 您的銷售通路
resource-payouts = 您的餘額與撥款
resource-sales-reports = 您的銷售報表
resource-analytics = 您商店的統計資料
resource-shop = 您商店的基本資料
resource-design = 您商店的版面設計
resource-content = 您商店的頁面與文章
resource-translations = 您商店的翻譯
resource-app = 此應用程式在您商店中的設定

## How it ended

connected-title = 您的商店已連接
connected-what = { $platform } 已確認。
connected-do = 已完成。您可以關閉此頁面，返回 { $service }。
pending-title = { $platform } 尚未回覆
pending-what = 目前還沒有結果。
pending-do = 請在一分鐘後重新整理此頁面，查看結果。
still-connected = 您的商店仍維持原本的連接。
move-seller = 現在請您操作
move-institution = 現在需由 { $service } 處理
move-operator = 現在需由本頁面的營運方處理
move-platform = 現在需由 { $platform } 處理
denied-title = 您拒絕了連接
denied-what = 並未分享任何內容。
denied-do = 如果這不是您的本意，請向 { $service } 索取新的連結。
expired-title = 此連結已過期
expired-what = 未能在期限內完成。並未分享任何內容。
expired-do = 請向 { $service } 索取新的連結，開啟後盡快完成。
mismatch-title = 這是另一間商店
mismatch-what = 您在 { $platform } 登入的商店與要連接的商店不同，因此沒有連接。
mismatch-do = 請先在 { $platform } 登入正確的商店，再向 { $service } 索取新的連結。
taken-title = 此商店已經連接
taken-what = 它已透過另一個帳號或另一間登錄的商店連接，而且只能連接一次。
taken-do = 請向 { $service } 詢問，或連接其他商店。
key-title = 金鑰未被接受
key-what = { $platform } 不認得此金鑰，或金鑰缺少某項權限。
key-do = 請在 { $platform } 的商店設定中確認金鑰，再向 { $service } 索取新的連結。
scopes-missing-title = 缺少一項權限
scopes-missing-what = 並非所有必要的權限都已允許，因此您的商店沒有連接。
scopes-missing-do = 請向 { $service } 索取新的連結，並在 { $platform } 保留所有權限。
rejected-title = { $platform } 拒絕了連接
rejected-what = 並未分享任何內容。平台沒有說明原因。
rejected-do = 請向 { $service } 索取新的連結。如果再次遭拒，可以洽詢 { $platform } 的客服。
unreachable-title = { $platform } 沒有回應
unreachable-what = 這不是您的問題。並未建立任何連接。
unreachable-do = 請稍候幾分鐘，再向 { $service } 索取新的連結。
misconfigured-title = 此連接的設定有誤
misconfigured-what = 這不是您的問題，您在這裡也不需要做任何事。必須先修正設定。
misconfigured-do = 請將此情形告知 { $service }。
interrupted-title = 連接中斷
interrupted-what = 這不是您的問題。並未建立任何連接。
interrupted-do = 請向 { $service } 索取新的連結，再試一次。
lapsed-title = 連接已到期
lapsed-what = { $platform } 只允許連接維持一段時間，現在已經到期。
lapsed-do = 若要重新連接商店，請向 { $service } 索取新的連結。
revoked-title = 連接已撤銷
revoked-what = 存取權限已在 { $platform } 收回。
revoked-do = 若要重新連接商店，請向 { $service } 索取新的連結。
uninstalled-title = 應用程式已從您的商店移除
uninstalled-what = 連接也隨之結束。
uninstalled-do = 若要重新連接商店，請向 { $service } 索取新的連結。

## The app was opened on the platform

offer-title = 要連接這間商店嗎？
# $person: who is signed in on the platform.
signed-in-as = 您在該平台的登入身分：{ $person }。
offer-next = 請只在您認識 { $institution } 且確實想要連接時繼續。{ $platform } 可能會再次列出將分享的內容。
offer-button = 繼續
offer-if-not = 如果不需要，請關閉此頁面，不會有任何變動。
nothing-title = 此商店沒有等待處理的連接
nothing-what = 應用程式已安裝，但沒有可以從這裡繼續的連接。
nothing-do = 請向您想要連接的服務商索取專屬這間商店的連結。收到後請開啟該連結，或在這裡重新開啟應用程式。
not-theirs-title = 只有主要管理員可以連接此商店
not-theirs-what = 將分享的內容屬於整間商店。並未做任何變更。
not-theirs-do = 請商店的主要管理員在這裡開啟應用程式。
already-title = 此商店已經連接
already-what = 透過此應用程式建立的連接正常有效。您不需要在這裡做任何操作。
already-do = 如果您想連接的是另一項服務，請向該服務商索取專屬這間商店的連結。
launch-over-title = 請重新開啟應用程式
launch-over-what = 此頁面已使用過，或已過期。再次開啟並未變更任何內容。
launch-over-do = 請回到您在 { $platform } 的商店後台，再次開啟應用程式。

## What goes wrong

unknown-title = 此連結無法使用
unknown-what = 它可能已過期、可能已由新的連結取代，也可能是在另一個瀏覽器中開啟的。
unknown-do = 請向傳送連結給您的服務商索取新的連結，並在您已登入商店的瀏覽器中開啟。
several-title = 請只用一個連結重新開始
several-what = 在此瀏覽器中開始了不只一個連接，平台沒有說明它回覆的是哪一個。並未建立任何連接。
several-do = 請關閉其他頁面，重新開啟其中一個連結，完成之後再開啟另一個。
elsewhere-title = 此操作是在另一個瀏覽器中開始的
elsewhere-what = { $institution } 與 { $platform } 商店之間的連接是在另一個瀏覽器中開始的，只能在那裡完成。這裡並未建立任何連接。
elsewhere-do = 如果是您本人開始的，請回到那個瀏覽器，或在此瀏覽器中重新開啟 { $institution } 給您的連結。
elsewhere-caution = 如果是別人把 { $platform } 的網址傳給您，請不要繼續：您的商店可能會被連接到別人的帳號。請向 { $institution } 索取您自己的連結。
late-title = 花費的時間過長
late-what = 您從 { $platform } 返回得太晚。並未建立任何連接。
late-do = 請重新開啟 { $institution } 給您的連結，一次完成，中途不要停留太久。
busy-title = 請稍候
busy-do = 來自您網路的造訪過多。請在 { $seconds } 秒後重新整理此頁面。
failed-title = 我們這邊發生問題
failed-do = 這不是您的問題。請稍候幾分鐘後重新整理此頁面，或向傳送連結給您的服務商索取新的連結。
