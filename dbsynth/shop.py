"""The rows of the sample shop: made up, drawn from a fixed seed, with structure worth learning."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Value: TypeAlias = int | str | bool | None
Row: TypeAlias = tuple[Value, ...]

CUSTOMERS = 300
PRODUCTS = 160
STAFF_PER_STORE = 8
FIRST_DAY = datetime(2021, 1, 1)  # noqa: DTZ001 - the shop keeps local times
LAST_DAY = datetime(2025, 12, 31)  # noqa: DTZ001
COUNTRIES = {  # code: name, currency, VAT per cent, share of customers
    "DE": ("Germany", "EUR", "19.0", 0.30),
    "FR": ("France", "EUR", "20.0", 0.22),
    "GB": ("United Kingdom", "GBP", "20.0", 0.18),
    "NO": ("Norway", "NOK", "25.0", 0.07),
    "PL": ("Poland", "PLN", "23.0", 0.10),
    "US": ("United States", "USD", "0.0", 0.13),
}
PEOPLE = {  # code: first names, last names, cities with their postcodes' first digits, streets
    "DE": (
        "Anke Bernd Carla Dieter Elke Frank Greta Holger Ines Jörg Katja Lutz",
        "Achterberg Brinkhoff Dornbusch Eichholz Falkenau Grünthal Hasselbach Imhoff Kirchner",
        "Lindenau:14 Oberfeld:50 Seebrück:83",
        "Gartenweg Mühlgasse Ringallee",
    ),
    "FR": (
        "Aline Benoît Chloé Damien Élise Fabien Gaëlle Hugues Inès Julien Lucie Maxime",
        "Aubertin Boisvert Clairmont Delaunay Ferrand Girardot Jolivet Lacombe Montclair",
        "Beauval:41 Rivecourt:60 Valmont:76",
        "Clos-Fleuri Grand-Pré Vieux-Port",
    ),
    "GB": (
        "Amber Barney Celia Duncan Edith Fergus Gemma Harvey Isla Jasper Kitty Lewis",
        "Ashdown Brightwell Copperfield Dunmore Elderfield Fairholm Greenhalgh Hawthorne Kingsley",
        "Ashbourne:10 Kingsmere:24 Wexcombe:37",
        "Abbot-Lane Mill-Road Station-Row",
    ),
    "NO": (
        "Anders Berit Dagny Eirik Frida Gunnar Hedda Ivar Jorunn Kåre Liv Magnus",
        "Aasland Bjerkvik Dalheim Engebø Fjellstad Granli Haugen Isdal Kvamme",
        "Fjordby:50 Nordvik:90 Solstrand:31",
        "Bryggegata Fjellveien Skogveien",
    ),
    "PL": (
        "Agata Bartek Celina Dawid Ewelina Filip Grażyna Hubert Iga Jacek Kinga Leszek",
        "Adamczewski Borkowicz Czarnecki Drozd Falkowicz Górniak Jasionka Kruk Malinowy",
        "Brzozowo:15 Jeziorany:11 Lipinki:38",
        "Kwiatowa Leśna Polna",
    ),
    "US": (
        "Ashley Brandon Courtney Dustin Emily Forrest Grace Hank Ivy Jesse Kendra Logan",
        "Applegate Bridger Calloway Draper Easton Fairbanks Garrison Holloway Kessler",
        "Cedar-Falls:50 Fort-Mason:76 Pinewood:28",
        "Elm-Street Main-Street Oak-Avenue",
    ),
}
TREE = {
    "Home": ("Kitchen", "Garden", "Lighting"),
    "Sports": ("Cycling", "Hiking", "Swimming"),
    "Toys": ("Puzzles", "Models"),
    "Office": ("Paper", "Furniture"),
}
TAGS = ("new", "sale", "handmade", "recycled", "bulky", "fragile", "gift", "seasonal")
OPINIONS = ("Broke at once.", "Not what I hoped for.", "It does its job.", "Good value.", "Superb!")
STORES = ("DE", "DE", "FR", "GB", "PL", "US")


class Shop:
    """Every table's rows; each is drawn once, when it is first asked for, in a fixed order."""

    def __init__(self) -> None:
        """Draw what others build on."""
        self._rng = np.random.default_rng(20250101)
        self.products = self._draw_products()
        self.staff = self._draw_staff()
        self.customers = self._draw_customers()
        self.orders, self.lines = self._draw_orders()

    def tables(self) -> Iterator[tuple[str, Sequence[str], list[Row]]]:
        """Yield table, columns and rows, in an order that no foreign key objects to."""
        for table, columns, rows in (
            ("countries", "code name currency vat_percent", self.countries),
            ("categories", "category_id parent_id name", self.categories),
            (
                "suppliers",
                "supplier_id country_code name email phone partner_since",
                self.suppliers,
            ),
            (
                "products",
                (
                    "product_id category_id supplier_id sku cost price weight_grams is_active "
                    "listed_on"
                ),
                self.products,
            ),
            ("tags", "tag_id label", list(enumerate(TAGS, 1))),
            ("product_tags", "product_id tag_id", self.product_tags),
            ("stores", "store_id country_code city opened_on", self.stores),
            (
                "employees",
                "employee_id store_id reports_to first_name last_name email job hired_on salary",
                self.staff,
            ),
            (
                "customers",
                (
                    "customer_id country_code customer_no first_name last_name email phone "
                    "birth_date segment wants_mail registered_at"
                ),
                self.customers,
            ),
            ("addresses", "address_id customer_id kind street postcode city", self.addresses),
            ("loyalty_cards", "customer_id card_no tier points issued_on", self.loyalty_cards),
            (
                "orders",
                "order_id customer_id store_id status currency placed_at paid_at total",
                self.orders,
            ),
            ("order_lines", "order_id line_no product_id quantity unit_price", self.lines),
            ("payments", "payment_id order_id method amount reference received_at", self.payments),
            (
                "shipments",
                "shipment_id order_id line_no carrier shipped_on delivered_on",
                self.shipments,
            ),
            ("reviews", "review_id product_id customer_id rating body written_at", self.reviews),
            ("carts", "cart_id customer_id product_id quantity added_at", []),
            ("audit_log", "happened_at actor action detail", self.audit_log),
        ):
            yield table, columns.split(), rows  # type: ignore[misc]

    def managers(self) -> list[tuple[int, int]]:
        """(employee, store) of each store's manager: the half of the cycle that comes last."""
        first = range(1, len(self.staff) + 1, STAFF_PER_STORE)
        return [(employee, store) for store, employee in enumerate(first, 1)]

    @cached_property
    def countries(self) -> list[Row]:
        return [(code, *facts[:3]) for code, facts in COUNTRIES.items()]

    @cached_property
    def categories(self) -> list[Row]:
        tops = list(TREE)
        rows: list[Row] = [(i, None, name) for i, name in enumerate(tops, 1)]
        leaves = [(top, leaf) for top in tops for leaf in TREE[top]]
        rows += [(i, tops.index(top) + 1, leaf) for i, (top, leaf) in enumerate(leaves, 5)]
        return rows

    @cached_property
    def suppliers(self) -> list[Row]:
        rows: list[Row] = []
        for i, code in enumerate(self._rng.choice(list(COUNTRIES), 24).tolist(), 1):
            name = f"{self._pick(PEOPLE[code][1])} {self._pick('Trading Works Supply Craft')} {i}"
            email = f"sales{i}@{_plain(name.split()[0])}.example"
            since = FIRST_DAY - timedelta(days=self._below(3000))
            rows.append((i, code, name, email, self._phone(), _day(since)))
        return rows

    def _draw_products(self) -> list[Row]:
        categories = self._rng.integers(5, 5 + sum(map(len, TREE.values())), PRODUCTS)
        suppliers = self._rng.integers(1, 25, PRODUCTS)
        # What a thing costs and weighs depends on its category.
        cost = np.exp(self._rng.normal(6.2 + 0.25 * (categories - 5), 0.5)).astype(int) + 50
        margin = self._rng.uniform(1.15, 2.2, PRODUCTS)
        weight = (cost * self._rng.uniform(0.3, 0.9, PRODUCTS)).astype(int) + 20
        rows: list[Row] = []
        for i in range(PRODUCTS):
            price = round(int(cost[i] * margin[i]), -1) + 9
            listed = FIRST_DAY + timedelta(days=self._below(900))
            grams = int(weight[i]) if self._chance(0.9) else None
            sku = f"{'KGLCHSPMAF'[categories[i] - 5]}{suppliers[i]:02d}-{1000 + 7 * i}"
            rows.append(
                (i + 1, int(categories[i]), int(suppliers[i]), sku, _money(int(cost[i])),
                 _money(price), grams, self._chance(0.88), _day(listed))
            )  # fmt: skip
        return rows

    @cached_property
    def product_tags(self) -> list[Row]:
        rows: list[Row] = []
        for product in range(1, PRODUCTS + 1):
            count = int(self._rng.choice(5, p=(0.25, 0.3, 0.25, 0.15, 0.05)))
            rows += [
                (product, int(t)) for t in sorted(self._rng.choice(len(TAGS), count, False) + 1)
            ]
        return rows

    @cached_property
    def stores(self) -> list[Row]:
        opened = [FIRST_DAY - timedelta(days=self._below(2500)) for _ in STORES]
        return [
            (i, code, self._city(code)[0], _day(day))
            for i, (code, day) in enumerate(zip(STORES, opened, strict=True), 1)
        ]

    def _draw_staff(self) -> list[Row]:
        pay = {"manager": 5200, "clerk": 3300, "cashier": 2700, "trainee": 1300}
        rows: list[Row] = []
        for store, code in enumerate(STORES, 1):
            boss = len(rows) + 1
            for place in range(STAFF_PER_STORE):
                i = len(rows) + 1
                job = "manager" if place == 0 else self._pick("clerk clerk cashier cashier trainee")
                first, last = self._name(code)
                above = None if place == 0 else boss if place < 4 else boss + 1 + self._below(3)
                email = f"{_plain(first)}.{_plain(last)}{i}@shop.example"
                hired = FIRST_DAY + timedelta(days=self._below(1500))
                salary = _money(100 * int(pay[job] * self._rng.uniform(0.9, 1.2)))
                rows.append((i, store, above, first, last, email, job, _day(hired), salary))
        return rows

    def _draw_customers(self) -> list[Row]:
        shares = [facts[3] for facts in COUNTRIES.values()]
        codes = self._rng.choice(list(COUNTRIES), CUSTOMERS, p=shares).tolist()
        seconds = np.sort(self._rng.integers(0, _seconds(FIRST_DAY, LAST_DAY), CUSTOMERS))
        numbers = dict.fromkeys(COUNTRIES, 0)
        rows: list[Row] = []
        for i, code in enumerate(codes, 1):
            numbers[code] += 1
            first, last = self._name(code)
            email = f"{_plain(first)}.{_plain(last)}.{i}@{self._pick('mail post inbox')}.example"
            phone = self._phone() if self._chance(0.8) else None
            born = date(1945 + self._below(60), 1 + self._below(12), 1 + self._below(28))
            segment = self._pick("new regular regular regular business")
            rows.append(
                (i, code, numbers[code], first, last, email, phone,
                 born.isoformat() if segment != "business" else None, segment, self._chance(0.4),
                 _moment(FIRST_DAY + timedelta(seconds=int(seconds[i - 1]))))
            )  # fmt: skip
        return rows

    @cached_property
    def addresses(self) -> list[Row]:
        rows: list[Row] = []
        for customer in self.customers:
            code = str(customer[1])
            for kind in ("home", *(k for k in ("work", "billing") if self._chance(0.3))):
                city, digits = self._city(code)
                street = f"{self._pick(PEOPLE[code][3])} {1 + self._below(120)}"
                postcode = f"{digits}{self._below(1000):03d}"
                rows.append((len(rows) + 1, customer[0], kind, street, postcode, city))
        return rows

    @cached_property
    def loyalty_cards(self) -> list[Row]:
        rows: list[Row] = []
        for customer in self.customers:
            if customer[8] == "regular" and self._chance(0.7):
                points = int(self._rng.gamma(1.2, 400))
                tier = "gold" if points > 900 else "silver" if points > 350 else "bronze"
                issued = _parse(customer[10]) + timedelta(days=self._below(60))
                card = f"LC-{int(customer[0] or 0) * 7919 % 10_000_000:07d}"
                rows.append((customer[0], card, tier, points, _day(issued)))
        return rows

    def _draw_orders(self) -> tuple[list[Row], list[Row]]:
        """Draw orders with their lines, so that totals are the sums of lines."""
        mean = {"new": 1.0, "regular": 3.5, "business": 6.0}
        orders: list[Row] = []
        lines: list[Row] = []
        favourites = self._rng.permutation(PRODUCTS)
        for customer in self.customers:
            moment = _parse(customer[10])
            for _ in range(int(self._rng.poisson(mean[str(customer[8])]))):
                moment += timedelta(hours=float(self._rng.gamma(1.5, 900)))
                if moment > LAST_DAY:
                    break
                order = len(orders) + 1
                total = self._draw_lines(order, favourites, lines)
                orders.append(self._order(order, customer, moment, total))
        return orders, lines

    def _draw_lines(self, order: int, favourites: NDArray[np.int64], lines: list[Row]) -> int:
        """Append an order's lines; return their sum in cents."""
        count = 1 + int(self._rng.poisson(1.3))
        places = np.minimum(self._rng.geometric(0.03, count) - 1, PRODUCTS - 1)
        total = 0
        for line, product in enumerate(dict.fromkeys(favourites[places].tolist()), 1):
            price = str(self.products[product][5])
            quantity = int(min(self._rng.geometric(0.6), 9))
            lines.append((order, line, product + 1, quantity, price))
            total += quantity * int(price.replace(".", ""))
        return total

    def _order(self, order: int, customer: Row, moment: datetime, total: int) -> Row:
        code = str(customer[1])
        local = [i for i, place in enumerate(STORES, 1) if place == code]
        store = local[self._below(len(local))] if local and self._chance(0.4) else None
        age = (LAST_DAY - moment).days
        status = (
            "open"
            if age < 10 or self._chance(0.05)
            else self._pick("paid shipped shipped shipped shipped shipped returned")
        )
        delay = timedelta(minutes=int(self._rng.gamma(1.0, 600)))
        paid = None if status == "open" else _moment(moment + delay)
        return (
            order, customer[0], store, status, COUNTRIES[code][1], _moment(moment), paid,
            _money(total),
        )  # fmt: skip

    @cached_property
    def payments(self) -> list[Row]:
        rows: list[Row] = []
        for order in self.orders:
            if order[6] is not None:
                method = (
                    "cash" if order[2] and self._chance(0.5) else self._pick("card card invoice")
                )
                reference = f"P{2 * len(rows) + 10_000:06d}-{self._below(90) + 10}"
                rows.append((len(rows) + 1, order[0], method, order[7], reference, order[6]))
        return rows

    @cached_property
    def shipments(self) -> list[Row]:
        sent = {o[0]: _parse(o[6]) for o in self.orders if o[3] in ("shipped", "returned")}
        rows: list[Row] = []
        for line in self.lines:
            if line[0] in sent:
                left = sent[line[0]] + timedelta(days=1 + self._below(3))
                there = left + timedelta(days=1 + self._below(6)) if self._chance(0.95) else None
                carrier = self._pick("Roadrunner Roadrunner Bluebird Pony")
                arrived = _day(there) if there else None
                rows.append((len(rows) + 1, line[0], line[1], carrier, _day(left), arrived))
        return rows

    @cached_property
    def reviews(self) -> list[Row]:
        bought = {o[0]: (o[1], _parse(o[5])) for o in self.orders}
        rows: list[Row] = []
        seen: set[tuple[Value, Value]] = set()
        for line in self.lines:
            customer, moment = bought[line[0]]
            if (line[2], customer) not in seen and self._chance(0.2):
                seen.add((line[2], customer))
                rating = 1 + int(self._rng.choice(5, p=(0.06, 0.08, 0.16, 0.35, 0.35)))
                body = OPINIONS[rating - 1] if self._chance(0.7) else None
                written = _moment(moment + timedelta(days=5 + self._below(40)))
                rows.append((len(rows) + 1, line[2], customer, rating, body, written))
        return rows

    @cached_property
    def audit_log(self) -> list[Row]:
        rows: list[Row] = []
        for member in self._rng.integers(0, len(self.staff), 300).tolist():
            moment = FIRST_DAY + timedelta(seconds=self._below(_seconds(FIRST_DAY, LAST_DAY)))
            action = self._pick("login login login refund export")
            detail = None if action == "login" else f"{action} by {self.staff[member][3]}"
            rows.append((_moment(moment), self.staff[member][5], action, detail))
        return sorted(rows, key=lambda row: str(row[0]))

    def _below(self, n: int) -> int:
        return int(self._rng.integers(n))

    def _chance(self, share: float) -> bool:
        return bool(self._rng.random() < share)

    def _pick(self, words: str) -> str:
        choices = words.split()
        return choices[self._below(len(choices))].replace("-", " ")

    def _name(self, code: str) -> tuple[str, str]:
        return self._pick(PEOPLE[code][0]), self._pick(PEOPLE[code][1])

    def _city(self, code: str) -> tuple[str, str]:
        city, digits = self._pick(PEOPLE[code][2]).split(":")
        return city, digits

    def _phone(self) -> str:
        return f"+00 {self._below(900) + 100} {self._below(900_000) + 100_000}"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _day(moment: datetime) -> str:
    return moment.date().isoformat()


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")


def _parse(value: Value) -> datetime:
    return datetime.fromisoformat(str(value))


def _seconds(start: datetime, end: datetime) -> int:
    return int((end - start).total_seconds())


def _plain(name: str) -> str:
    """Spell a name with plain letters, for e-mail addresses."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return letters.lower().replace(" ", "")
