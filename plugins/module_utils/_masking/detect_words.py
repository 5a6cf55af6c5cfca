# SPDX-License-Identifier: GPL-3.0-or-later
"""Words by which sampled values are recognised. Not part of the masking algorithm: they may grow."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.module_utils._masking import dictionaries

_FIRST = """
adam agnieszka ahmed aisha albert alejandro alessandro alex alexander alexandra ali alice amanda amelia amit amy ana andrea andreas andrew angela
anita
anja ann anna anne anthony antoine antonio arthur ashley barbara beatriz ben benjamin betty birgit bob brandon brian camille carla carlos carmen carol
caroline catherine charles charlotte chen chloe chris christian christina christine christopher claire clara claudia cynthia daniel daniela david
deborah
dennis diana diego dieter dmitri dominik donald donna dorothy edward elena elias elizabeth ella emily emma eric erik ernst eva ewa fatima felix
fernando
florian francesca francesco francois frank franz fred gabriel george georg gerald gerhard giovanni giulia giuseppe grace greta gregory grzegorz hannah
hans
harry heather heike heinz helen helena helga helmut henry hugo ian ingrid irene isabel isabella ivan jack jacob jacqueline jake james jan jane janet
jason javier jean jeffrey jennifer jeremy jerry jessica jim joan joana joe johan johann johannes john jonas jonathan jorge jose joseph joshua josef
juan
judith julia julie jurgen jürgen justin kai karen karin karl katarzyna kate katherine kathleen katja keith kelly kenneth kevin klaus krzysztof kumar
kyle lara larry
laura lauren lea leon leonie li liam lina linda lisa lorenzo louis luca lucas lucia luis luisa lukas luke magdalena manfred manuel marco margaret
maria marie
marion mark markus marta martha martin mary mateusz matthew matthias maurice max maximilian megan melissa mia michael michaela michal michel michelle
miguel mike
mohamed mohammed monika muhammad nancy natalia natalie nathan nicholas nicolas nicole nina noah nora olga oliver olivia omar oscar pablo pamela paolo
pascal patricia
patrick paul paula pauline pedro peter petra philip philippe pierre piotr priya rachel rafael rahul ralf ralph raymond rebecca renate ricardo richard
rita robert roberto roger
roland ronald rosa rose roy russell ruth ryan sabine sally sam samantha samuel sandra sara sarah scott sean sebastian sergei sharon silvia simon
simone
sofia sonia sophia sophie stefan stefanie stephan stephanie stephen steve steven susan susanne svetlana sven teresa theodore theresa thomas tim
timothy tom tomasz
tyler ulrike uwe valentina vanessa vera victoria vincent virginia walter wei werner wilhelm william wolfgang xavier yusuf yan yuki zoe
"""
_LAST = """
adams ahmed allen alvarez anderson bailey baker barnes bauer baumann beck becker bell bennett berger bergmann bernard bianchi bjork böhm brandt braun
brooks brown
butler campbell carter castillo chavez chen clark collins colombo cook cooper costa cox cruz davis diaz dietrich dubois dupont durand edwards engel
evans
fernandez ferrari fischer flores foster fournier frank franke friedrich fuchs garcia garcía gomez gómez gonzalez gonzález graf gray green griffin
gross gruber gunther
gutierrez haas hahn hall hansen harris hartmann heinrich henderson hernandez herrmann hill hoffmann hofmann horn howard huang huber hughes hussain
jackson
jäger james jansen jensen jimenez jiménez johansson johnson jones jung kaiser kaminski kaya keller kelly khan kim king klein koch köhler kovacs
kowalski kraus
krause krüger kuhn kühn kumar lambert lang larsen laurent lee lefebvre lehmann leroy lewandowski lewis li liu long lopez lópez lorenz ludwig maier
marino
martin martinez martínez mayer meier meyer miller mitchell moore morales moreau morgan morris müller muller murphy murray myers nakamura nelson nguyen
nielsen novak
nowak olsen ortiz otto parker patel pereira perez pérez peters peterson petersen petrov pfeiffer phillips pohl powell price ramirez ramos reed reyes
ricci
richardson richter rivera roberts robinson rodriguez rodríguez rogers romano ross rossi roth roux russell russo ruiz sanchez sánchez sanders santos
sato sauer
schäfer schmid schmidt schmitt schmitz schneider scholz schreiber schröder schubert schultz schulz schulze schumacher schuster schwarz scott seidel
shah
sharma silva simon singh smirnov smith sommer stein stewart sullivan suzuki svensson tanaka taylor thomas thompson torres tran turner vasquez vogel
vogt wagner walker wallace
walter wang ward watanabe watson weber weiss werner west white williams wilson winkler winter wisniewski wojcik wolf wolff wong wood wright wu yang
yilmaz young zhang
zhao ziegler zimmermann
"""
_CITY = """
amsterdam antwerp athens atlanta augsburg austin baltimore barcelona basel beijing belgrade berlin bern bielefeld bilbao birmingham bochum bologna
bonn bordeaux boston
bratislava bremen bristol brussels bucharest budapest buffalo cambridge cardiff charlotte chicago cleveland cologne copenhagen dallas delhi denver
detroit dortmund
dresden dublin duisburg düsseldorf edinburgh essen florence frankfurt geneva genoa gdansk ghent glasgow gothenburg granada graz hague hamburg hannover
helsinki
houston innsbruck istanbul jacksonville kiel köln krakow kraków las vegas leeds leipzig lille linz lisbon liverpool ljubljana lodz london los angeles
lyon madrid mainz
malaga manchester mannheim marseille memphis mexico city miami milan milano milwaukee montpellier montreal moscow mumbai munich münchen münster nantes
naples
new york newcastle nice nottingham nürnberg oakland oslo oxford palermo paris philadelphia phoenix portland porto poznan prague riga rome roma
rotterdam salzburg
san diego san francisco san jose seattle seville sheffield singapore sofia stockholm strasbourg stuttgart sydney tallinn tokyo toronto toulouse turin
utrecht
valencia vancouver venice verona vienna vilnius warsaw wien wiesbaden wroclaw york zagreb zaragoza zurich zürich
"""
_CODE = """
active inactive pending paid unpaid placed shipped delivered cancelled canceled returned refunded open closed done draft published archived deleted
new old failed
success succeeded error ok running stopped queued processing processed sent received accepted rejected approved denied confirmed unconfirmed enabled
disabled
blocked suspended trial expired valid invalid created updated low medium high critical normal urgent standard express premium basic pro free gold
silver bronze
debit credit cash card invoice transfer paypal sepa visa mastercard amex web mobile ios android app desktop tablet api email sms phone push post in
out
admin user guest member owner viewer editor internal external public private yes no y n true false none unknown other default info warning debug fatal
daily weekly monthly yearly day week month year
eur usd gbp chf jpy sek nok dkk pln czk huf cad aud nzd cny inr brl mxn zar try
de fr es it pl uk gb us at ch nl be dk se no fi ie pt cz sk hu ro bg gr hr si lt lv ee lu mt cy ca au nz jp cn in br mx za tr ru ua kr
deu fra esp ita pol gbr usa aut che nld bel
en en-us en-gb de-de fr-fr es-es it-it pl-pl en_us en_gb de_de fr_fr es_es it_it pl_pl
s m l xl xs xxl kg g cm mm pcs piece small large
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FIRST_NAMES = _words(_FIRST) | {word.casefold() for word in dictionaries.FIRST_NAMES}
LAST_NAMES = _words(_LAST) | {word.casefold() for word in dictionaries.LAST_NAMES}
_TWO = ("las vegas", "los angeles", "mexico city", "new york", "san diego", "san francisco", "san jose", "the hague")
CITIES = (_words(_CITY) - {"las", "vegas", "los", "angeles", "city", "new", "san"}) | frozenset(_TWO) | {word.casefold() for word in dictionaries.CITIES}
CODES = _words(_CODE)
