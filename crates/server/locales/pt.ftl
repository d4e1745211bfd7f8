### What sellers read. They come once, mostly on a phone, and did not ask for this program.
### Plain words, short sentences, no blame. A variable with a name in it becomes an element of the page.

## Every page

# The name of the list of languages, for screen readers.
languages = Idioma
# $reference: a short code.
reference = Número de referência para o suporte: { $reference }
# A point in time. $time: such as 14:05. Always UTC.
moment = { $day ->
    [1] 1º
   *[other] { $day }
} de { $month ->
    [1] janeiro
    [2] fevereiro
    [3] março
    [4] abril
    [5] maio
    [6] junho
    [7] julho
    [8] agosto
    [9] setembro
    [10] outubro
    [11] novembro
   *[12] dezembro
} de { $year }, { $time } UTC

## The page behind a hosted link

ask-title = Conectar sua loja?
# $institution: a company. $platform: a shop system, such as Shopify.
ask-shop = { $institution } pede acesso à sua loja { $shop } em { $platform }.
ask-any-shop = { $institution } pede acesso à sua loja em { $platform }.
fact-client = Sua conta em { $institution }
fact-store = Nome da loja em { $institution }
fact-platform = Plataforma
scopes-title = O que { $institution } poderia fazer
scopes-unnamed = { $platform } mostra o que seria compartilhado antes que você aceite.
next-title = O que acontece depois
next-sign-in = Você vai para { $platform } e entra na sua conta. Sua senha não sai de lá.
next-consent = { $platform } mostra o que seria compartilhado. Você aceita ou recusa.
next-return = Você volta para cá e vê se deu certo.
ask-caution = Continue somente se você conhece { $institution } e deseja esta conexão.
ask-until-days = Este link funciona até { $moment }, por { $days ->
    [one] mais um dia
   *[other] mais { $days } dias
}.
ask-until-hours = Este link funciona até { $moment }, por { $hours ->
    [one] cerca de mais uma hora
   *[other] cerca de mais { $hours } horas
}.
continue-button = Continuar para { $platform }
decline-lead = Se você recusar, nada será compartilhado, e isso será informado a { $institution }.
decline-button = Recusar
over-title = Este link não funciona mais
over-what = Ele expirou ou foi substituído por um link mais novo. Nada foi compartilhado por meio dele.
over-do = Se ainda quiser conectar sua loja, peça um novo link a { $institution }.

## The page on which a key is handed in

fact-address = Endereço da loja
push-title = Conectar na sua loja
push-lead = Entre na sua loja e autorize a conexão por lá. Sua loja então cria uma chave para isso e a envia para cá por conta própria.
push-button = Conectar na sua loja
paste-title = Informar uma chave
# $place: the way to the key in the shop's own pages, in English.
paste-where = Você a encontra ou cria na sua loja { $platform }: { $place }.
# $permission: a word of the shop's own pages, in English.
paste-permission = Se for preciso escolher o que a chave permite, escolha { $permission }.
paste-use = { $institution } não chega a ver a chave. Ela é guardada com criptografia e usada somente para o que está indicado acima.
paste-button = Conectar com esta chave
paste-problems = A chave ainda não foi aceita. Confira o que está marcado abaixo.
# $field: what the platform calls one text of a key, in English, such as Consumer key.
paste-missing = Informe este dado: { $field }.
paste-too-long = O texto é longo demais. Copie de novo somente este dado: { $field }.
paste-broken = Há um espaço ou uma quebra de linha no texto. Copie de novo somente este dado: { $field }.
paste-another-text = É outro texto: { $field } começa com { $beginning }. Copie de novo.
checking-title = Sua chave está sendo verificada
checking-what = { $platform } ainda não respondeu. Isso pode levar alguns minutos.
checking-do = Você não precisa esperar. Pode fechar esta página e abrir seu link de novo mais tarde para ver o resultado.
checking-again = Ver o resultado agora

## Scopes in plain words

# $resource: one of the messages below, which stand within the sentence.
scope-read = Ver { $resource }
scope-change = Alterar { $resource }
scope-read-and-change = Ver e alterar { $resource }
resource-orders = seus pedidos
resource-order-history = todos os seus pedidos, inclusive os antigos
resource-draft-orders = seus rascunhos de pedidos
resource-returns = suas devoluções
resource-sales = suas vendas
resource-shipments = suas remessas
resource-shipping = suas configurações de envio
resource-couriers = suas transportadoras
resource-products = seus produtos
resource-product-links = a vinculação dos seus produtos aos canais de venda
resource-categories = suas categorias de produtos
resource-brands = as marcas e os fabricantes dos seus produtos
resource-suppliers = seus fornecedores
resource-prices = seus preços
resource-inventory = seus estoques
resource-warehouses = seus depósitos e locais
resource-customers = seus clientes
resource-personal-data = os dados pessoais dos seus clientes
resource-carts = os carrinhos e as listas de desejos dos seus clientes
resource-loyalty-points = os pontos dos seus clientes
resource-notifications = as mensagens aos seus clientes
resource-community = seus fóruns e avaliações
resource-promotions = seus descontos e promoções
resource-gift-cards = seus vales-presente
resource-channels = seus canais de venda
resource-payouts = seu saldo e seus repasses
resource-sales-reports = seus relatórios de vendas
resource-analytics = as estatísticas da sua loja
resource-shop = os dados da sua loja
resource-design = o visual da sua loja
resource-content = as páginas e os artigos da sua loja
resource-translations = as traduções da sua loja
resource-app = este aplicativo na sua loja

## How it ended

connected-title = Sua loja está conectada
connected-what = { $platform } confirmou a conexão.
connected-do = Pronto. Você pode fechar esta página e voltar para { $service }.
pending-title = { $platform } ainda não respondeu
pending-what = Nada está decidido por enquanto.
pending-do = Recarregue esta página daqui a um minuto para ver o resultado.
still-connected = Sua loja continua conectada como antes.
move-seller = Agora é a sua vez
move-institution = Agora é a vez de { $service }
move-operator = Agora é a vez de quem opera esta página
move-platform = Agora é a vez de { $platform }
denied-title = Você recusou a conexão
denied-what = Nada foi compartilhado.
denied-do = Se não era essa a sua intenção, peça um novo link a { $service }.
expired-title = Este link expirou
expired-what = Ele não foi usado até o fim dentro do prazo. Nada foi compartilhado.
expired-do = Peça um novo link a { $service } e termine logo depois de abri-lo.
mismatch-title = Esta era outra loja
mismatch-what = Em { $platform }, você estava na conta de uma loja diferente da solicitada. Ela não foi conectada.
mismatch-do = Primeiro, entre na loja certa em { $platform }. Depois, peça um novo link a { $service }.
taken-title = Esta loja já está conectada
taken-what = Ela já está conectada por meio de outra conta ou de outro cadastro de loja e só pode ser conectada uma vez.
taken-do = Fale com { $service } ou conecte outra loja.
key-title = A chave não foi aceita
key-what = { $platform } não reconhece esta chave, ou falta uma permissão à chave.
key-do = Confira a chave nas configurações da sua loja em { $platform }. Depois, peça um novo link a { $service }.
scopes-missing-title = Falta uma permissão
scopes-missing-what = Nem tudo o que é necessário foi permitido; por isso, sua loja não foi conectada.
scopes-missing-do = Peça um novo link a { $service } e deixe todas as permissões ativadas em { $platform }.
rejected-title = { $platform } recusou a conexão
rejected-what = Nada foi compartilhado. A plataforma não informa o motivo.
rejected-do = Peça um novo link a { $service }. Se houver nova recusa, o suporte de { $platform } pode ajudar.
unreachable-title = { $platform } não respondeu
unreachable-what = A culpa não é sua. Nada foi conectado.
unreachable-do = Espere alguns minutos e peça um novo link a { $service }.
misconfigured-title = Esta conexão não está configurada corretamente
misconfigured-what = A culpa não é sua, e não há nada a fazer aqui. Primeiro, ela precisa ser corrigida.
misconfigured-do = Por favor, avise { $service }.
interrupted-title = A conexão foi interrompida
interrupted-what = A culpa não é sua. Nada foi conectado.
interrupted-do = Peça um novo link a { $service } e tente mais uma vez.
lapsed-title = A conexão expirou
lapsed-what = { $platform } permite que uma conexão dure apenas por um tempo, e esse tempo acabou.
lapsed-do = Para conectar sua loja de novo, peça um novo link a { $service }.
revoked-title = A conexão foi revogada
revoked-what = O acesso foi revogado em { $platform }.
revoked-do = Para conectar sua loja de novo, peça um novo link a { $service }.
uninstalled-title = O aplicativo foi removido da sua loja
uninstalled-what = A conexão terminou com isso.
uninstalled-do = Para conectar sua loja de novo, peça um novo link a { $service }.

## The app was opened on the platform

offer-title = Conectar esta loja?
# $person: who is signed in on the platform.
signed-in-as = Você entrou lá como { $person }.
offer-next = Continue somente se você conhece { $institution } e deseja esta conexão. { $platform } pode mostrar mais uma vez o que seria compartilhado.
offer-button = Continuar
offer-if-not = Se não quiser, feche esta página e nada acontecerá.
nothing-title = Não há nada pendente para esta loja
nothing-what = O aplicativo está instalado, mas não há nenhuma conexão que possa continuar a partir daqui.
nothing-do = Peça ao serviço que você quer conectar um link exatamente para esta loja. Quando receber, abra esse link ou abra o aplicativo aqui mais uma vez.
not-theirs-title = Somente o operador principal pode conectar esta loja
not-theirs-what = O que seria compartilhado pertence à loja inteira. Nada foi alterado.
not-theirs-do = Peça ao operador principal da loja que abra o aplicativo aqui.
already-title = Esta loja já está conectada
already-what = A conexão feita com este aplicativo está funcionando. Você não precisa fazer nada aqui.
already-do = Se queria conectá-la a outro serviço, peça a esse serviço um link para esta mesma loja.
launch-over-title = Abra o aplicativo novamente
launch-over-what = Esta página já foi usada ou é antiga demais. Abri-la de novo não mudou nada.
launch-over-do = Volte à sua loja em { $platform } e abra o aplicativo lá mais uma vez.

## What goes wrong

unknown-title = Este link não funciona
unknown-what = Ele pode ter expirado, ter sido substituído por um link mais novo ou ter sido aberto em um navegador diferente daquele em que foi iniciado.
unknown-do = Peça um novo link ao serviço que enviou você até aqui. Abra-o no navegador em que você está conectado à sua loja.
several-title = Comece de novo com um só link
several-what = Mais de uma conexão foi iniciada neste navegador, e a plataforma não informou a qual delas responde. Nada foi conectado.
several-do = Feche as outras páginas, abra de novo um dos seus links e termine ali antes de abrir outro.
elsewhere-title = Isto foi iniciado em outro navegador
elsewhere-what = A conexão entre { $institution } e uma loja em { $platform } foi iniciada em outro navegador e só pode ser concluída lá. Nada foi conectado aqui.
elsewhere-do = Se foi você quem começou, volte àquele navegador ou abra novamente, neste, o link que recebeu de { $institution }.
elsewhere-caution = Se outra pessoa enviou a você o endereço de { $platform }, pare aqui: sua loja poderia ser conectada à conta de outra pessoa. Peça a { $institution } um link só seu.
late-title = Demorou demais
late-what = Você voltou de { $platform } tarde demais. Nada foi conectado.
late-do = Abra novamente o link que recebeu de { $institution } e conclua as etapas sem uma pausa longa.
busy-title = Um momento, por favor
busy-do = Houve visitas demais a partir da sua rede. Recarregue esta página em { $seconds ->
    [one] um segundo
   *[other] { $seconds } segundos
}.
failed-title = Algo deu errado do nosso lado
failed-do = A culpa não é sua. Espere alguns minutos e recarregue esta página, ou peça um novo link ao serviço que enviou você até aqui.
