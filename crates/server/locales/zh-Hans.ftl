### What sellers read. They come once, mostly on a phone, and did not ask for this program.
### Plain words, short sentences, no blame. A variable with a name in it becomes an element of the page.

## Every page

# The name of the list of languages, for screen readers.
languages = 语言
# $reference: a short code.
reference = 客服查询编号：{ $reference }
# A point in time. $time: such as 14:05. Always UTC.
moment = { $year }年{ $month }月{ $day }日 { $time }（UTC 时间）

## The page behind a hosted link

ask-title = 要连接您的店铺吗？
# $institution: a company. $platform: a shop system, such as Shopify.
ask-shop = { $institution } 申请访问您的 { $platform } 店铺 { $shop }。
ask-any-shop = { $institution } 申请访问您的 { $platform } 店铺。
fact-client = 您在 { $institution } 的账户
fact-store = 在 { $institution } 登记的店铺名称
fact-platform = 平台
scopes-title = { $institution } 将可以
scopes-unnamed = 在您同意之前，{ $platform } 会告诉您将共享哪些内容。
next-title = 接下来的步骤
next-sign-in = 前往 { $platform } 并在那里登录。您的密码只会留在该平台。
next-consent = { $platform } 会列出将要共享的内容，由您决定同意还是拒绝。
next-return = 随后您会回到这里，查看是否连接成功。
ask-caution = 请仅在您了解 { $institution } 并确实需要连接时继续。
ask-until-days = 此链接的有效期至 { $moment }，还剩 { $days } 天。
ask-until-hours = 此链接的有效期至 { $moment }，还剩约 { $hours } 小时。
continue-button = 前往 { $platform }
decline-lead = 如果您拒绝，不会共享任何内容，{ $institution } 会收到通知。
decline-button = 拒绝
over-title = 此链接已失效
over-what = 链接已过期，或已被新的链接取代。没有通过它共享任何内容。
over-do = 如果您仍想连接店铺，请向 { $institution } 索取新的链接。

## The page on which a key is handed in

fact-address = 店铺网址
push-title = 在您的店铺中连接
push-lead = 登录您的店铺并在那里同意。随后您的店铺会生成专用的密钥，并自动发送到这里。
push-button = 在您的店铺中连接
paste-title = 填写密钥
# $place: the way to the key in the shop's own pages, in English.
paste-where = 您可以在 { $platform } 店铺的这个位置找到或创建密钥：{ $place }。
# $permission: a word of the shop's own pages, in English.
paste-permission = 如果需要选择密钥的权限，请选择 { $permission }。
paste-use = { $institution } 看不到此密钥。密钥会加密保存，且仅用于上面列出的用途。
paste-button = 使用此密钥连接
paste-problems = 密钥尚未被接受，请检查下面标出的内容。
# $field: what the platform calls one text of a key, in English, such as Consumer key.
paste-missing = 请填写 { $field }。
paste-too-long = 内容过长，不是有效的 { $field }。请重新复制 { $field }，不要包含其他内容。
paste-broken = 内容中有空格或换行。请重新复制 { $field }，不要包含其他内容。
paste-another-text = 填写的是其他内容：{ $field } 应以 { $beginning } 开头。请重新复制。
checking-title = 正在检查您的密钥
checking-what = { $platform } 尚未答复，可能需要几分钟。
checking-do = 您不必等待。可以关闭此页面，稍后再次打开您的链接查看结果。
checking-again = 立即查看结果

## Scopes in plain words

# $resource: one of the messages below, which stand within the sentence.
scope-read = 查看{ $resource }
scope-change = 修改{ $resource }
scope-read-and-change = 查看和修改{ $resource }
resource-orders = 您的订单
resource-order-history = 您的全部订单，包括较早的订单
resource-draft-orders = 您的草稿订单
resource-returns = 您的退货单
resource-sales = 您的销售记录
resource-shipments = 您的发货信息
resource-shipping = 您的配送设置
resource-couriers = 您的物流服务商
resource-products = 您的商品
resource-product-links = 您的商品与销售渠道的关联
resource-categories = 您的商品分类
resource-brands = 您商品的品牌和制造商
resource-suppliers = 您的供应商
resource-prices = 您的价格
resource-inventory = 您的库存数量
resource-warehouses = 您的仓库和地点
resource-customers = 您的客户资料
resource-personal-data = 您客户的个人信息
resource-carts = 您客户的购物车和心愿单
resource-loyalty-points = 您客户的积分
resource-notifications = 发给您客户的消息
resource-community = 您的留言板和评价
resource-promotions = 您的折扣和促销活动
resource-gift-cards = 您的礼品卡
resource-channels = 您的销售渠道
resource-payouts = 您的余额和提现记录
resource-sales-reports = 您的销售报表
resource-analytics = 您店铺的统计数据
resource-shop = 您店铺的基本信息
resource-design = 您店铺的外观设计
resource-content = 您店铺的页面和文章
resource-translations = 您店铺的翻译内容
resource-app = 此应用在您店铺中的设置

## How it ended

connected-title = 您的店铺已连接
connected-what = { $platform } 已确认。
connected-do = 操作已完成。您可以关闭此页面，返回 { $service }。
pending-title = { $platform } 尚未答复
pending-what = 目前还没有结果。
pending-do = 请过一分钟后刷新此页面，查看结果。
still-connected = 您的店铺仍保持原来的连接。
move-seller = 现在请您操作
move-institution = 现在需要 { $service } 处理
move-operator = 现在需要本页面的运营方处理
move-platform = 现在需要 { $platform } 处理
denied-title = 您拒绝了连接
denied-what = 没有共享任何内容。
denied-do = 如果这不是您的本意，请向 { $service } 索取新的链接。
expired-title = 此链接已过期
expired-what = 未能在有效期内完成操作。没有共享任何内容。
expired-do = 请向 { $service } 索取新的链接，打开后尽快完成操作。
mismatch-title = 这是另一家店铺
mismatch-what = 您在 { $platform } 上登录的店铺与要连接的店铺不同，因此没有连接。
mismatch-do = 请先在 { $platform } 上登录正确的店铺，再向 { $service } 索取新的链接。
taken-title = 此店铺已经连接
taken-what = 它已通过另一个账户或另一家登记的店铺连接，且只能连接一次。
taken-do = 请向 { $service } 询问，或连接其他店铺。
key-title = 密钥未被接受
key-what = { $platform } 不认识此密钥，或者密钥缺少某项权限。
key-do = 请在 { $platform } 的店铺设置中检查密钥，然后向 { $service } 索取新的链接。
scopes-missing-title = 缺少一项权限
scopes-missing-what = 并非所有必需的权限都已允许，因此您的店铺没有连接。
scopes-missing-do = 请向 { $service } 索取新的链接，并在 { $platform } 上保留所有权限。
rejected-title = { $platform } 拒绝了连接
rejected-what = 没有共享任何内容。平台未说明原因。
rejected-do = 请向 { $service } 索取新的链接。如果再次被拒绝，可以联系 { $platform } 的客服。
unreachable-title = { $platform } 没有响应
unreachable-what = 这不是您的问题。没有建立任何连接。
unreachable-do = 请等待几分钟，再向 { $service } 索取新的链接。
misconfigured-title = 此连接的设置有误
misconfigured-what = 这不是您的问题，您在这里也无需操作。需要先修正设置。
misconfigured-do = 请将此情况告诉 { $service }。
interrupted-title = 连接中断
interrupted-what = 这不是您的问题。没有建立任何连接。
interrupted-do = 请向 { $service } 索取新的链接，再试一次。
lapsed-title = 连接已到期
lapsed-what = { $platform } 只允许连接保持一段时间，现在已经到期。
lapsed-do = 如需重新连接店铺，请向 { $service } 索取新的链接。
revoked-title = 连接已被撤销
revoked-what = 访问权限已在 { $platform } 上收回。
revoked-do = 如需重新连接店铺，请向 { $service } 索取新的链接。
uninstalled-title = 应用已从您的店铺中移除
uninstalled-what = 连接也随之结束。
uninstalled-do = 如需重新连接店铺，请向 { $service } 索取新的链接。

## The app was opened on the platform

offer-title = 要连接这家店铺吗？
# $person: who is signed in on the platform.
signed-in-as = 您在该平台的登录身份：{ $person }。
offer-next = 请仅在您了解 { $institution } 并确实需要连接时继续。{ $platform } 可能会再次列出将要共享的内容。
offer-button = 继续
offer-if-not = 如果不需要，请关闭此页面，不会发生任何变化。
nothing-title = 此店铺没有等待处理的连接
nothing-what = 应用已安装，但没有可以从这里继续的连接。
nothing-do = 请向您想要连接的服务方索取针对这家店铺的链接。收到后请打开该链接，或在这里重新打开应用。
not-theirs-title = 只有主管理员可以连接此店铺
not-theirs-what = 将要共享的内容属于整个店铺。没有做任何更改。
not-theirs-do = 请店铺的主管理员在这里打开应用。
already-title = 此店铺已经连接
already-what = 通过此应用建立的连接正常有效。您无需在这里做任何操作。
already-do = 如果您想连接的是另一项服务，请向该服务方索取针对这家店铺的链接。
launch-over-title = 请重新打开应用
launch-over-what = 此页面已被使用过，或已过期。再次打开没有改变任何内容。
launch-over-do = 请回到您在 { $platform } 的店铺后台，再次打开应用。

## What goes wrong

unknown-title = 此链接无法使用
unknown-what = 它可能已过期，可能已被新的链接取代，也可能是在另一个浏览器中打开的。
unknown-do = 请向给您发送链接的服务方索取新的链接，并在您已登录店铺的浏览器中打开。
several-title = 请只用一个链接重新开始
several-what = 在此浏览器中开始了不止一个连接，平台没有说明它答复的是哪一个。没有建立任何连接。
several-do = 请关闭其他页面，重新打开其中一个链接，完成之后再打开另一个。
elsewhere-title = 此操作是在另一个浏览器中开始的
elsewhere-what = { $institution } 与 { $platform } 店铺之间的连接是在另一个浏览器中开始的，只能在那里完成。这里没有建立任何连接。
elsewhere-do = 如果是您本人开始的，请回到那个浏览器，或在此浏览器中重新打开 { $institution } 给您的链接。
elsewhere-caution = 如果是别人把 { $platform } 的地址发给您的，请不要继续：您的店铺可能会被连接到别人的账户。请向 { $institution } 索取您自己的链接。
late-title = 用时过长
late-what = 您从 { $platform } 返回得太晚。没有建立任何连接。
late-do = 请重新打开 { $institution } 给您的链接，一次完成，中途不要停留太久。
busy-title = 请稍候
busy-do = 来自您网络的访问过多。请在 { $seconds } 秒后刷新此页面。
failed-title = 我们这边出了问题
failed-do = 这不是您的问题。请等待几分钟后刷新此页面，或向给您发送链接的服务方索取新的链接。
