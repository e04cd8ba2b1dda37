"""Texts for the calibration of eight-bit graphs: many subjects, lengths, scripts and notations."""

from __future__ import annotations

from typing import Final

_TEXTS: Final = """
The harbour master closed the northern quay until the ice had drifted past the breakwater and the ferries could turn.
A transaction that cannot obtain its lock within the configured interval is rolled back and reported to the client.
She kneaded the dough for ten minutes, let it rest under a damp cloth, and shaped it into six small loaves.
how do i reset my password
Mitochondria convert the energy of nutrients into adenosine triphosphate, which powers most processes of the cell.
The court held that the notice was insufficient because it did not name the property or the amount owed.
def mean(values): return sum(values) / len(values) if values else 0.0
Quarterly revenue rose by 7.4 % to €1.28 billion, while operating costs fell for the third time in a row.
Der Zug nach Hamburg hat heute wegen einer Signalstörung etwa zwanzig Minuten Verspätung.
Our goalkeeper saved two penalties in extra time, and the crowd sang until long after the lights went out.
To prune roses, cut just above an outward-facing bud at the end of winter, when hard frosts have passed.
La bibliothèque municipale restera ouverte jusqu'à vingt heures pendant toute la période des examens.
SELECT name, COUNT(*) FROM orders WHERE placed_at >= '2024-01-01' GROUP BY name ORDER BY 2 DESC LIMIT 10;
The compiler rejects a borrow that would outlive the value it refers to, and says where each of them begins and ends.
Is it normal for a newborn to sleep eighteen hours a day?
Volcanic ash is made of tiny jagged pieces of rock and glass, and it does not dissolve in water.
A sonnet has fourteen lines; the Italian form divides them into an octave and a sestet with a turn between.
The museum bought a pair of bronze candlesticks from the estate of a merchant who had traded along the coast.
Please find attached the minutes of Tuesday's meeting, including the action items for the design and the legal teams.
El restaurante sirve pescado fresco todos los días, pero los domingos solo abre al mediodía.
HTTP 429 means that the client has sent too many requests; the Retry-After header says how long it should wait.
Photosynthesis takes place in the chloroplasts, where light drives electrons from water to carbon dioxide.
cheap flights lisbon to oslo in october
The senator argued that the bill would burden small farms without improving the quality of the river's water.
In the second movement the cellos carry the melody while the woodwinds answer in short, hesitant phrases.
Wear gloves when handling the solvent, keep it away from flames, and store it in a ventilated cabinet.
Prime numbers greater than three leave a remainder of one or five when they are divided by six.
Il vento soffiava forte dal mare e le barche restarono nel porto fino al mattino seguente.
The patient reported a dull pain in the lower back that became worse after sitting and eased when walking.
git rebase --interactive HEAD~3 lets you reorder, squash or drop the last three commits.
Glaciers carve valleys with steep sides and flat floors; rivers alone leave valleys in the shape of a V.
What is the difference between a list and a tuple?
The treaty was signed in 1648 after years of negotiation and ended one of the longest wars of the continent.
Battery capacity falls with temperature: at minus twenty degrees a phone may show half of its usual charge.
He put the letter back into its envelope, laid it in the drawer, and never spoke of it again.
東京の地下鉄は朝の通勤時間帯にとても混雑します。
An index that covers all columns of a query lets the database answer it without reading the table itself.
The recipe calls for 250 g of flour, 2 eggs, 100 ml of milk and a pinch of nutmeg.
Penguins huddle in turns, so that each bird spends some time in the warm middle of the group.
Unemployment insurance replaces part of a worker's wages for a limited time after the loss of a job.
Terms of service: you may cancel at any time; refunds are granted within fourteen days of purchase.
Погода завтра будет ясной, но вечером возможен небольшой дождь.
A gradient that vanishes in early layers leaves their weights almost unchanged, however long the training lasts.
The bridge's cables are inspected every two years by climbers who look for corrosion and broken strands.
best laptop for video editing under 1500
Coral reefs bleach when warm water makes the animals expel the algae that feed and colour them.
If the lamp stays off, check the fuse, then the switch, and only then open the housing.
The novel follows three sisters who inherit a failing orchard and cannot agree on whether to sell it.
{"id": 4711, "status": "shipped", "items": [{"sku": "A-100", "qty": 2}], "total": 59.9}
An allergic reaction can appear minutes after a sting; trouble with breathing needs an ambulance at once.
The orchestra tunes to an A that the oboe gives, because its pitch is the least easy to change.
Satellites in geostationary orbit circle the earth once a day at a height of about 35,786 kilometres.
Thank you for your order! It will arrive between Thursday and Saturday. 🎉📦
Wool keeps its warmth when it is wet, which is why fishermen wore heavy jumpers at sea.
A central bank raises its rate to cool demand, and mortgage holders feel it before anybody else does.
The lecture introduced eigenvalues through a rotating globe: only the axis keeps its direction.
你好，请问最近的火车站怎么走？
Old maps show the lake twice as large as it is now, since two rivers were diverted to the cotton fields.
TypeError: unsupported operand type(s) for +: 'int' and 'str'
She won the chess final with a quiet pawn move that none of the commentators had considered.
Rainwater tanks should be closed, shaded and cleaned each spring, or mosquitoes will breed in them.
Copper roofs turn green within a few decades as the metal reacts with sulphur and moisture in the air.
The union and the company agreed on a raise of four per cent over two years and an extra day of leave.
yes
Tea from the first harvest of the year is lighter in colour and is sold at a higher price than the later ones.
The theorem says that a continuous function on a closed interval takes every value between those at its ends.
Passengers without a valid ticket pay a penalty of sixty euros in addition to the fare.
The children built a dam of stones and branches, and by the evening the brook had found a way around it.
""".strip()

_LINES: Final = tuple(_TEXTS.splitlines())

TEXTS: Final = (*_LINES, *(" ".join(_LINES[start : start + 4]) for start in range(0, len(_LINES), 4)), "")
"""Each line, lines joined to paragraphs, and the empty text."""
