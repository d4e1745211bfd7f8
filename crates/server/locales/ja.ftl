### What sellers read. They come once, mostly on a phone, and did not ask for this program.
### Plain words, short sentences, no blame. A variable with a name in it becomes an element of the page.

## Every page

# The name of the list of languages, for screen readers.
languages = 言語
# $reference: a short code.
reference = お問い合わせ番号：{ $reference }
# A point in time. $time: such as 14:05. Always UTC.
moment = { $year }年{ $month }月{ $day }日 { $time }（UTC）

## The page behind a hosted link

ask-title = ショップを連携しますか？
# $institution: a company. $platform: a shop system, such as Shopify.
ask-shop = { $institution } が、お客様の { $platform } ショップ { $shop } へのアクセスを求めています。
ask-any-shop = { $institution } が、お客様の { $platform } ショップへのアクセスを求めています。
fact-client = { $institution } でのアカウント
fact-store = { $institution } でのストア名
fact-platform = プラットフォーム
scopes-title = { $institution } ができるようになること
scopes-unnamed = 共有される内容は、同意の前に { $platform } が表示します。
next-title = この後の流れ
next-sign-in = { $platform } に移動し、ログインします。パスワードがほかに渡ることはありません。
next-consent = 共有される内容を { $platform } が表示します。同意または拒否をお選びください。
next-return = この画面に戻り、結果をご確認いただけます。
ask-caution = { $institution } をご存じで、連携を希望される場合のみお進みください。
ask-until-days = このリンクの有効期限は { $moment }です（残り { $days } 日）。
ask-until-hours = このリンクの有効期限は { $moment }です（残り約 { $hours } 時間）。
continue-button = { $platform } へ進む
decline-lead = 拒否された場合は何も共有されず、その旨が { $institution } に伝わります。
decline-button = 拒否する
over-title = このリンクは現在ご利用いただけません
over-what = 有効期限が切れたか、新しいリンクに置き換えられました。このリンクでは何も共有されていません。
over-do = 引き続き連携を希望される場合は、{ $institution } に新しいリンクをご依頼ください。

## The page on which a key is handed in

fact-address = ショップの URL
push-title = ご自分のショップで連携する
push-lead = ショップにログインして許可してください。その後、ショップが専用のキーを作成し、自動的にこちらへ送信します。
push-button = ご自分のショップで連携する
paste-title = キーを入力する
# $place: the way to the key in the shop's own pages, in English.
paste-where = キーは { $platform } ショップの次の場所で確認または作成できます：{ $place }
# $permission: a word of the shop's own pages, in English.
paste-permission = キーの権限を選ぶ画面が表示された場合は、{ $permission } をお選びください。
paste-use = { $institution } がこのキーを見ることはありません。キーは暗号化して保管し、上記の目的にのみ使用します。
paste-button = このキーで連携する
paste-problems = キーはまだ受け付けられていません。下に表示された箇所をご確認ください。
# $field: what the platform calls one text of a key, in English, such as Consumer key.
paste-missing = { $field } を入力してください。
paste-too-long = { $field } としては長すぎます。{ $field } だけをもう一度コピーしてください。
paste-broken = 空白または改行が含まれています。{ $field } だけをもう一度コピーしてください。
paste-another-text = 別の文字列が入力されています。{ $field } は { $beginning } で始まります。もう一度コピーしてください。
checking-title = キーを確認しています
checking-what = { $platform } からの応答を待っています。数分かかることがあります。
checking-do = お待ちいただく必要はありません。このページを閉じ、後でもう一度リンクを開いて結果をご確認いただけます。
checking-again = 今すぐ確認する

## Scopes in plain words

# $resource: one of the messages below, which stand within the sentence.
scope-read = { $resource }の閲覧
scope-change = { $resource }の変更
scope-read-and-change = { $resource }の閲覧と変更
resource-orders = 注文
resource-order-history = 過去の分を含むすべての注文
resource-draft-orders = 下書きの注文
resource-returns = 返品
resource-sales = 売上
resource-shipments = 出荷情報
resource-shipping = 配送設定
resource-couriers = 配送業者
resource-products = 商品
resource-product-links = 商品と販売チャネルの紐付け
resource-categories = 商品カテゴリー
resource-brands = 商品のブランドとメーカー
resource-suppliers = 仕入先
resource-prices = 価格
resource-inventory = 在庫数
resource-warehouses = 倉庫と拠点
resource-customers = 顧客情報
resource-personal-data = 顧客の個人情報
resource-carts = 顧客のカートとお気に入り
resource-loyalty-points = 顧客のポイント
resource-notifications = 顧客へのメッセージ
resource-community = 掲示板とレビュー
resource-promotions = 割引とキャンペーン
resource-gift-cards = ギフトカード
resource-channels = 販売チャネル
resource-payouts = 残高と入金
resource-sales-reports = 売上レポート
resource-analytics = ショップの統計
resource-shop = ショップの基本情報
resource-design = ショップのデザイン
resource-content = ショップのページと記事
resource-translations = ショップの翻訳
resource-app = ショップ内のこのアプリの設定

## How it ended

connected-title = ショップの連携が完了しました
connected-what = { $platform } で確認されました。
connected-do = 手続きは以上です。このページを閉じて、{ $service } にお戻りください。
pending-title = { $platform } からの応答を待っています
pending-what = まだ結果は出ていません。
pending-do = 1 分ほど待ってから、このページを再読み込みして結果をご確認ください。
still-connected = これまでの連携はそのまま続いています。
move-seller = お客様のお手続きが必要です
move-institution = { $service } での対応が必要です
move-operator = このページの運営者による対応が必要です
move-platform = { $platform } での対応が必要です
denied-title = お客様が連携を拒否されました
denied-what = 何も共有されていません。
denied-do = 誤って拒否された場合は、{ $service } に新しいリンクをご依頼ください。
expired-title = このリンクの有効期限が切れました
expired-what = 期限内に手続きが完了しませんでした。何も共有されていません。
expired-do = { $service } に新しいリンクを依頼し、開いた後は早めに手続きを完了してください。
mismatch-title = 別のショップでした
mismatch-what = { $platform } でログインしていたのは、依頼されたものとは別のショップでした。連携は行われていません。
mismatch-do = 先に { $platform } で正しいショップにログインし、{ $service } に新しいリンクをご依頼ください。
taken-title = このショップはすでに連携されています
taken-what = 別のアカウントまたはストアで連携されており、重ねて連携することはできません。
taken-do = { $service } にお問い合わせいただくか、別のショップを連携してください。
key-title = キーが受け付けられませんでした
key-what = { $platform } に登録のないキーか、必要な権限が不足しています。
key-do = { $platform } のショップ設定でキーをご確認のうえ、{ $service } に新しいリンクをご依頼ください。
scopes-missing-title = 権限が不足しています
scopes-missing-what = 必要な権限の一部が許可されなかったため、ショップは連携されていません。
scopes-missing-do = { $service } に新しいリンクを依頼し、{ $platform } ではすべての権限を有効のままにしてください。
rejected-title = { $platform } が連携を拒否しました
rejected-what = 何も共有されていません。理由は示されていません。
rejected-do = { $service } に新しいリンクをご依頼ください。再び拒否された場合は、{ $platform } のサポートにお問い合わせください。
unreachable-title = { $platform } から応答がありませんでした
unreachable-what = お客様の操作に問題はありません。連携は行われていません。
unreachable-do = 数分待ってから、{ $service } に新しいリンクをご依頼ください。
misconfigured-title = この連携は正しく設定されていません
misconfigured-what = お客様の操作に問題はなく、ここで行っていただくことはありません。先に設定の修正が必要です。
misconfigured-do = お手数ですが、{ $service } にお知らせください。
interrupted-title = 連携が中断されました
interrupted-what = お客様の操作に問題はありません。連携は行われていません。
interrupted-do = { $service } に新しいリンクを依頼し、もう一度お試しください。
lapsed-title = 連携の期限が切れました
lapsed-what = { $platform } の連携には期限があり、その期限が過ぎました。
lapsed-do = 再び連携するには、{ $service } に新しいリンクをご依頼ください。
revoked-title = 連携が取り消されました
revoked-what = { $platform } でアクセスが取り消されました。
revoked-do = 再び連携するには、{ $service } に新しいリンクをご依頼ください。
uninstalled-title = アプリがショップから削除されました
uninstalled-what = これに伴い、連携も終了しました。
uninstalled-do = 再び連携するには、{ $service } に新しいリンクをご依頼ください。

## The app was opened on the platform

offer-title = このショップを連携しますか？
# $person: who is signed in on the platform.
signed-in-as = プラットフォームには { $person } としてログインしています。
offer-next = { $institution } をご存じで、連携を希望される場合のみお進みください。共有される内容を { $platform } がもう一度表示することがあります。
offer-button = 続ける
offer-if-not = 希望されない場合は、このページを閉じてください。何も変更されません。
nothing-title = このショップに待機中の連携はありません
nothing-what = アプリはインストールされていますが、ここから続けられる連携はありません。
nothing-do = 連携したいサービスに、このショップ専用のリンクをご依頼ください。届いたらそのリンクを開くか、ここでもう一度アプリを開いてください。
not-theirs-title = このショップを連携できるのは代表運営者のみです
not-theirs-what = 共有される内容はショップ全体に関わるものです。何も変更されていません。
not-theirs-do = ショップの代表運営者に、ここでアプリを開くようご依頼ください。
already-title = このショップはすでに連携されています
already-what = このアプリによる連携は有効です。ここで行っていただくことはありません。
already-do = 別のサービスと連携したい場合は、そのサービスにこのショップ専用のリンクをご依頼ください。
launch-over-title = アプリをもう一度開いてください
launch-over-what = このページはすでに使用されたか、古くなっています。もう一度開いても何も変更されていません。
launch-over-do = { $platform } のショップ管理画面に戻り、アプリをもう一度開いてください。

## What goes wrong

unknown-title = このリンクはご利用いただけません
unknown-what = 有効期限が切れた、新しいリンクに置き換えられた、または手続きを始めたブラウザとは別のブラウザで開かれた可能性があります。
unknown-do = ご案内元のサービスに新しいリンクを依頼し、ショップにログインしているブラウザで開いてください。
several-title = リンクを一つだけ開いてやり直してください
several-what = このブラウザで複数の連携が開始され、どれに対する応答かをプラットフォームが示していません。連携は行われていません。
several-do = ほかのページを閉じ、リンクを一つ開き直して、完了してから次のリンクを開いてください。
elsewhere-title = 別のブラウザで始められた手続きです
elsewhere-what = { $institution } と { $platform } のショップとの連携は、別のブラウザで始められました。完了できるのはそのブラウザだけです。ここでは何も連携されていません。
elsewhere-do = ご自身で始められた場合は、そのブラウザに戻るか、{ $institution } から届いたリンクをこのブラウザで開き直してください。
elsewhere-caution = ほかの人から送られたアドレスで { $platform } を開いた場合は、ここで手続きをおやめください。ショップが他人のアカウントに連携されるおそれがあります。{ $institution } にご自身用のリンクをご依頼ください。
late-title = 時間がかかりすぎました
late-what = { $platform } から戻るまでに時間がかかりすぎました。何も連携されていません。
late-do = { $institution } から届いたリンクをもう一度開き、間を置かずに最後まで進めてください。
busy-title = 少々お待ちください
busy-do = お使いのネットワークからのアクセスが集中しています。{ $seconds } 秒後にこのページを再読み込みしてください。
failed-title = こちら側で問題が発生しました
failed-do = お客様の操作に問題はありません。数分待ってからこのページを再読み込みするか、ご案内元のサービスに新しいリンクをご依頼ください。
