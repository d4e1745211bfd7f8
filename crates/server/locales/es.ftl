### What sellers read. They come once, mostly on a phone, and did not ask for this program.
### Plain words, short sentences, no blame. A variable with a name in it becomes an element of the page.

## Every page

# The name of the list of languages, for screen readers.
languages = Idioma
# $reference: a short code.
reference = Número de referencia para soporte: { $reference }
# A point in time. $time: such as 14:05. Always UTC.
moment = { $day } de { $month ->
    [1] enero
    [2] febrero
    [3] marzo
    [4] abril
    [5] mayo
    [6] junio
    [7] julio
    [8] agosto
    [9] septiembre
    [10] octubre
    [11] noviembre
   *[12] diciembre
} de { $year }, { $time } UTC

## The page behind a hosted link

ask-title = ¿Quiere conectar su tienda?
# $institution: a company. $platform: a shop system, such as Shopify.
ask-shop = { $institution } solicita acceso a su tienda { $shop } en { $platform }.
ask-any-shop = { $institution } solicita acceso a su tienda en { $platform }.
fact-client = Su cuenta en { $institution }
fact-store = Nombre de la tienda en { $institution }
fact-platform = Plataforma
scopes-title = Qué podría hacer { $institution }
scopes-unnamed = { $platform } le mostrará lo que se compartiría antes de que usted acepte.
next-title = Qué sucede después
next-sign-in = Usted va a { $platform } e inicia sesión allí. Su contraseña no sale de allí.
next-consent = { $platform } muestra lo que se compartiría. Usted acepta o rechaza.
next-return = Usted regresa y ve si funcionó.
ask-caution = Continúe solo si conoce a { $institution } y desea esta conexión.
ask-until-days = Este enlace funciona hasta el { $moment }, { $days ->
    [one] un día más
   *[other] { $days } días más
}.
ask-until-hours = Este enlace funciona hasta el { $moment }, { $hours ->
    [one] cerca de una hora más
   *[other] cerca de { $hours } horas más
}.
continue-button = Continuar a { $platform }
decline-lead = Si rechaza, no se comparte nada y se informa de ello a { $institution }.
decline-button = Rechazar
over-title = Este enlace ya no funciona
over-what = Ha vencido o lo ha reemplazado un enlace más nuevo. No se compartió nada a través de él.
over-do = Si todavía desea conectar su tienda, pida un enlace nuevo a { $institution }.

## The page on which a key is handed in

fact-address = Dirección de la tienda
push-title = Conectar en su tienda
push-lead = Inicie sesión en su tienda y autorice allí la conexión. Su tienda creará una clave para ello y la enviará aquí por sí sola.
push-button = Conectar en su tienda
paste-title = Ingresar una clave
# $place: the way to the key in the shop's own pages, in English.
paste-where = La encuentra o la crea en su tienda de { $platform }: { $place }.
# $permission: a word of the shop's own pages, in English.
paste-permission = Si se le pregunta qué permite la clave, elija { $permission }.
paste-use = { $institution } no llega a ver la clave. Se guarda cifrada y se usa solo para lo que se indica arriba.
paste-button = Conectar con esta clave
paste-problems = La clave todavía no se ha aceptado. Revise lo que está marcado abajo.
# $field: what the platform calls one text of a key, in English, such as Consumer key.
paste-missing = Ingrese este dato: { $field }.
paste-too-long = El texto es demasiado largo. Copie de nuevo solo este dato: { $field }.
paste-broken = Hay un espacio o un salto de línea en el texto. Copie de nuevo solo este dato: { $field }.
paste-another-text = Es otro texto: { $field } empieza por { $beginning }. Cópielo de nuevo.
checking-title = Estamos comprobando su clave
checking-what = { $platform } aún no ha respondido. Puede tardar unos minutos.
checking-do = No hace falta que espere. Puede cerrar esta página y abrir de nuevo su enlace más tarde para ver el resultado.
checking-again = Ver el resultado ahora

## Scopes in plain words

# $resource: one of the messages below, which stand within the sentence.
scope-read = Ver { $resource }
scope-change = Modificar { $resource }
scope-read-and-change = Ver y modificar { $resource }
resource-orders = sus pedidos
resource-order-history = todos sus pedidos, incluidos los antiguos
resource-draft-orders = sus pedidos en borrador
resource-returns = sus devoluciones
resource-sales = sus ventas
resource-shipments = sus envíos
resource-shipping = su configuración de envíos
resource-couriers = sus empresas de transporte
resource-products = sus productos
resource-product-links = la vinculación de sus productos con los canales de venta
resource-categories = sus categorías de productos
resource-brands = las marcas y los fabricantes de sus productos
resource-suppliers = sus proveedores
resource-prices = sus precios
resource-inventory = sus existencias
resource-warehouses = sus almacenes y ubicaciones
resource-customers = sus clientes
resource-personal-data = los datos personales de sus clientes
resource-carts = los carritos y las listas de deseos de sus clientes
resource-loyalty-points = los puntos de sus clientes
resource-notifications = los mensajes a sus clientes
resource-community = sus foros y reseñas
resource-promotions = sus descuentos y promociones
resource-gift-cards = sus tarjetas de regalo
resource-channels = sus canales de venta
resource-payouts = su saldo y sus pagos recibidos
resource-sales-reports = sus informes de ventas
resource-analytics = las estadísticas de su tienda
resource-shop = los datos de su tienda
resource-design = el diseño de su tienda
resource-content = las páginas y los artículos de su tienda
resource-translations = las traducciones de su tienda
resource-app = esta aplicación en su tienda

## How it ended

connected-title = Su tienda está conectada
connected-what = { $platform } lo ha confirmado.
connected-do = Ha terminado. Puede cerrar esta página y regresar a { $service }.
pending-title = { $platform } aún no ha respondido
pending-what = Todavía no hay nada decidido.
pending-do = Vuelva a cargar esta página en un minuto para ver el resultado.
still-connected = Su tienda sigue conectada como antes.
move-seller = Ahora le toca a usted
move-institution = Ahora le toca a { $service }
move-operator = Ahora le toca a quien opera esta página
move-platform = Ahora le toca a { $platform }
denied-title = Usted rechazó la conexión
denied-what = No se compartió nada.
denied-do = Si no era su intención, pida un enlace nuevo a { $service }.
expired-title = Este enlace ha vencido
expired-what = No se usó a tiempo hasta el final. No se compartió nada.
expired-do = Pida un enlace nuevo a { $service } y termine poco después de abrirlo.
mismatch-title = Esta era otra tienda
mismatch-what = En { $platform } tenía abierta la sesión de una tienda distinta de la que se solicitó. No se conectó.
mismatch-do = Primero inicie sesión en la tienda correcta en { $platform }. Luego pida un enlace nuevo a { $service }.
taken-title = Esta tienda ya está conectada
taken-what = Está conectada mediante otra cuenta u otro registro de tienda, y solo puede conectarse una vez.
taken-do = Consulte con { $service } o conecte otra tienda.
key-title = La clave no fue aceptada
key-what = { $platform } no reconoce esta clave, o a la clave le falta un permiso.
key-do = Revise la clave en la configuración de su tienda en { $platform }. Luego pida un enlace nuevo a { $service }.
scopes-missing-title = Falta un permiso
scopes-missing-what = No se permitió todo lo necesario, por lo que su tienda no se conectó.
scopes-missing-do = Pida un enlace nuevo a { $service } y deje activados todos los permisos en { $platform }.
rejected-title = { $platform } rechazó la conexión
rejected-what = No se compartió nada. La plataforma no indica el motivo.
rejected-do = Pida un enlace nuevo a { $service }. Si se rechaza otra vez, el soporte de { $platform } puede ayudarle.
unreachable-title = { $platform } no respondió
unreachable-what = No es culpa suya. No se conectó nada.
unreachable-do = Espere unos minutos y luego pida un enlace nuevo a { $service }.
misconfigured-title = Esta conexión no está bien configurada
misconfigured-what = No es culpa suya, y aquí no tiene que hacer nada. Primero hay que corregirla.
misconfigured-do = Por favor, avise a { $service }.
interrupted-title = La conexión se interrumpió
interrupted-what = No es culpa suya. No se conectó nada.
interrupted-do = Pida un enlace nuevo a { $service } e inténtelo otra vez.
lapsed-title = La conexión ha vencido
lapsed-what = { $platform } permite que una conexión dure solo un tiempo, y ese tiempo ha terminado.
lapsed-do = Para conectar su tienda de nuevo, pida un enlace nuevo a { $service }.
revoked-title = Se retiró la autorización
revoked-what = El acceso se retiró en { $platform }.
revoked-do = Para conectar su tienda de nuevo, pida un enlace nuevo a { $service }.
uninstalled-title = La aplicación se eliminó de su tienda
uninstalled-what = La conexión terminó con ella.
uninstalled-do = Para conectar su tienda de nuevo, pida un enlace nuevo a { $service }.

## The app was opened on the platform

offer-title = ¿Quiere conectar esta tienda?
# $person: who is signed in on the platform.
signed-in-as = Allí ha iniciado sesión como { $person }.
offer-next = Continúe solo si conoce a { $institution } y desea esta conexión. { $platform } puede mostrar una vez más lo que se compartiría.
offer-button = Continuar
offer-if-not = Si no lo desea, cierre esta página y no sucederá nada.
nothing-title = No hay nada pendiente para esta tienda
nothing-what = La aplicación está instalada, pero no hay ninguna conexión que pueda continuar desde aquí.
nothing-do = Pida al servicio que desea conectar un enlace para esta misma tienda. Cuando lo reciba, ábralo o abra de nuevo la aplicación aquí.
not-theirs-title = Solo el operador principal puede conectar esta tienda
not-theirs-what = Lo que se compartiría pertenece a toda la tienda. No se cambió nada.
not-theirs-do = Pida al operador principal de la tienda que abra la aplicación aquí.
already-title = Esta tienda ya está conectada
already-what = La conexión hecha con esta aplicación funciona. No tiene que hacer nada aquí.
already-do = Si quería conectarla a otro servicio, pida a ese servicio un enlace para esta misma tienda.
launch-over-title = Vuelva a abrir la aplicación
launch-over-what = Esta página ya se usó o es demasiado antigua. Abrirla otra vez no ha cambiado nada.
launch-over-do = Vuelva a su tienda en { $platform } y abra allí la aplicación otra vez.

## What goes wrong

unknown-title = Este enlace no funciona
unknown-what = Puede que haya vencido, que lo haya reemplazado un enlace más nuevo o que se haya abierto en un navegador distinto de aquel en el que se inició.
unknown-do = Pida un enlace nuevo al servicio que le envió aquí. Ábralo en el navegador en el que tiene iniciada la sesión de su tienda.
several-title = Vuelva a empezar con un solo enlace
several-what = En este navegador se inició más de una conexión, y la plataforma no indicó a cuál responde. No se conectó nada.
several-do = Cierre las demás páginas, abra de nuevo uno de sus enlaces y termine allí antes de abrir otro.
elsewhere-title = Esto se empezó en otro navegador
elsewhere-what = La conexión entre { $institution } y una tienda de { $platform } se empezó en otro navegador y solo puede terminarse allí. Aquí no se ha conectado nada.
elsewhere-do = Si la empezó usted, vuelva a ese navegador o abra de nuevo en este el enlace que recibió de { $institution }.
elsewhere-caution = Si otra persona le envió la dirección de { $platform }, no continúe: su tienda podría quedar conectada a la cuenta de otra persona. Pida a { $institution } un enlace propio.
late-title = Ha pasado demasiado tiempo
late-what = Ha vuelto de { $platform } demasiado tarde. No se ha conectado nada.
late-do = Abra de nuevo el enlace que recibió de { $institution } y complete los pasos sin una pausa larga.
busy-title = Un momento, por favor
busy-do = Hubo demasiadas visitas desde su red. Vuelva a cargar esta página en { $seconds ->
    [one] un segundo
   *[other] { $seconds } segundos
}.
failed-title = Algo falló de nuestro lado
failed-do = No es culpa suya. Espere unos minutos y vuelva a cargar esta página, o pida un enlace nuevo al servicio que le envió aquí.
