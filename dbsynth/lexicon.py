"""What column and table names say about people, in English, German, French, Spanish, Portuguese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache


def word_list(text: str) -> list[str]:
    """Split a text at its spaces: a list of words that stays readable in the source."""
    return text.split()


SEMANTICS: tuple[str, ...] = (
    "first_name", "last_name", "full_name", "user_name", "email", "phone", "birth_date",
    "national_id", "passport", "driver_license", "license_plate", "iban", "bank_account",
    "card_number", "street_address", "unit", "address", "city", "state", "postal_code", "country",
    "country_code", "company", "job", "ip", "ipv6", "mac_address", "url", "domain", "user_agent",
    "file_path", "password_hash", "token", "salutation", "language", "product", "timezone",
    "locale", "currency",
)  # fmt: skip

PEOPLE = frozenset({
    "first_name", "last_name", "full_name", "user_name", "email", "phone", "birth_date",
    "national_id", "passport", "driver_license", "license_plate", "iban", "bank_account",
    "card_number", "street_address", "address", "ip", "password_hash",
})  # fmt: skip
"""The semantic types that single out a person."""

# Learned like any category where the same few values come again and again.
SHARED = frozenset({
    "city", "state", "postal_code", "country", "country_code", "company", "job", "salutation",
    "language", "product", "user_agent", "unit", "timezone", "locale", "currency",
})  # fmt: skip

PLACES = frozenset({"street_address", "address", "city", "state", "postal_code", "country"})

# A phrase is matched at the end of a name, or, for languages that put the noun first, at its
# start.  Phrases with one word only are enough if nothing else follows.
_PHRASES: dict[str, str] = {
    "first_name": "first name|firstname|fname|given name|givenname|forename|middle name|middlename|"
    "vorname|prenom|primer nombre|primeiro nome|first|name first|name given|name middle",
    "last_name": "last name|lastname|lname|surname|sur name|family name|familyname|maiden name|"
    "second name|maiden|nachname|familienname|geburtsname|nom famille|nom de famille|apellido|"
    "apellidos|primer apellido|segundo apellido|sobrenome|last|name last|name family",
    "full_name": "full name|head of state|"
    "fullname|display name|displayname|real name|person name|contact name|"
    "customer name|client name|employee name|patient name|user full name|holder name|cardholder|"
    "account holder|member name|owner name|kontoinhaber|ansprechpartner|nom complet|"
    "nombre completo|nome completo",
    "user_name": "user name|username|login|login name|nick name|nickname|screen name|handle|"
    "benutzername|benutzer name|nom utilisateur|pseudo|usuario|nombre usuario|nome usuario|"
    "user login|account name|user handle",
    "email": "email|e mail|mail|emails|email address|e mail address|mail address|emailaddress|"
    "mailadresse|courriel|adresse email|adresse mail|correo|correo electronico|correio|"
    "correio eletronico|email id",
    "phone": "phone|phone number|phone no|phone nr|phonenumber|telephone|telephone number|tel|"
    "mobile|mobile number|mobile phone|cell|cell phone|cellphone|fax|fax number|msisdn|telefon|"
    "telefonnummer|telefon nr|handy|handynummer|mobil|mobilnummer|rufnummer|numero telephone|"
    "portable|telefono|telefono movil|celular|movil|numero telefono|telefone|telemovel|"
    "numero telefone|whatsapp",
    "birth_date": "birth date|birthdate|date of birth|dateofbirth|birthday|birth day|dob|born|"
    "born on|geburtsdatum|geburtstag|date naissance|date de naissance|fecha nacimiento|"
    "fecha de nacimiento|data nascimento|data de nascimento",
    "national_id": "ssn|social security number|social security|socialsecuritynumber|national id|"
    "nationalid|national identifier|identity number|id card number|personal number|birth number|"
    "personal id|tax id|taxid|tax number|tin|nino|nhs number|steuer id|steuernummer|"
    "sozialversicherungsnummer|ausweisnummer|personalausweis|numero securite sociale|dni|nif|nie|"
    "curp|rfc|cedula|cpf|rg|nss|medicare number|insurance number|pesel|bsn|aadhaar|mrn",
    "passport": "passport|passport number|passport no|passportnumber|reisepass|passnummer|"
    "reisepassnummer|passeport|numero passeport|pasaporte|passaporte",
    "driver_license": "driver license|drivers license|driver licence|drivers licence|"
    "driving license|driving licence|license number|licence number|drivers|fuehrerschein|"
    "fuhrerschein|fuhrerscheinnummer|permis conduire|licencia conducir|cnh",
    "license_plate": "license plate|licence plate|plate number|number plate|plate|kennzeichen|"
    "kfz kennzeichen|immatriculation|plaque immatriculation|matricula|placa",
    "iban": "iban",
    "bank_account": "bank account|bank account number|account number|account no|acct no|"
    "bankaccount|accountnumber|kontonummer|konto nr|numero compte|cuenta bancaria|numero cuenta|"
    "conta bancaria|routing number",
    "card_number": "card number|cardnumber|card no|credit card|creditcard|credit card number|"
    "cc number|ccnumber|cc num|pan|kreditkarte|kreditkartennummer|numero carte|carte bancaire|"
    "numero tarjeta|tarjeta|numero cartao|cartao",
    "street_address": "street address|streetaddress|street|street name|streetname|address line|"
    "addressline|address 1|address line 1|addr 1|street 1|strasse|"
    "hausnummer|street number|rue|calle|rua|logradouro",
    "unit": "address 2|address line 2|addr 2|street 2|street address 2|apartment number|apt|"
    "apt number|suite number|secondary address|adresszusatz|complement adresse|complemento",
    "address": "address|addr|full address|postal address|mailing address|home address|anschrift|"
    "adresse|direccion|domicilio|endereco|morada",
    "city": "city|town|city name|cityname|municipality|stadt|ort|wohnort|ville|commune|ciudad|"
    "localidad|municipio|cidade|localidade|birthplace|birth place|place of birth",
    "state": "state|province|state province|stateprovince|region|county|state code|bundesland|"
    "district|kanton|departement|provincia|estado|uf",
    "postal_code": "zip|zip code|zipcode|postal code|postalcode|postcode|post code|plz|"
    "postleitzahl|code postal|codigo postal|cep",
    "country": "country|country name|countryname|nationality|land|pays|pais|nation",
    "country_code": "country code|countrycode|country iso|country iso 2|country iso 3|landercode|"
    "landercode|laenderkennung|code pays|codigo pais",
    "company": "company|company name|companyname|employer|organisation|organization|firma|"
    "firmenname|arbeitgeber|entreprise|societe|raison sociale|empresa|razon social|razao social|"
    "business name|organization name|organisation name",
    "job": "job|job title|jobtitle|occupation|profession|position title|beruf|metier|profesion|"
    "contact title|ocupacion|cargo|profissao|ocupacao",
    "salutation": "salutation|title of courtesy|courtesy title|honorific|anrede|civilite|"
    "tratamiento",
    "language": "language|language name|languagename|sprache|langue|idioma|lingua",
    "product": "product|product name|productname|item|item name|article|article name|produkt|"
    "produktname|artikel|produit|producto|produto|articulo",
    "timezone": "timezone|time zone|tz|tz name|tzname|zeitzone|fuseau horaire|zona horaria",
    "locale": "locale|lang|language code|lang code|langcode|languagecode|locale code|sprachcode",
    "currency": "currency|currency code|currencycode|iso currency|waehrung|devise|moneda|moeda",
    "title": "title",
    "ip": "ip|ip address|ipaddress|ip addr|remote addr|remote ip|client ip|last login ip|ipv 4|"
    "adresse ip|direccion ip|endereco ip|sign in ip",
    "ipv6": "ipv 6|ipv6",
    "mac_address": "mac|mac address|macaddress|mac addr|hardware address",
    "url": "url|uri|website|web site|homepage|home page|web page|webpage|link|avatar|site web|"
    "pagina web",
    "domain": "domain|domain name|hostname|host name|subdomain|fqdn",
    "user_agent": "user agent|useragent|browser agent",
    "file_path": "file path|filepath|file name|filename|path|directory|dateiname|dateipfad|"
    "chemin|ruta archivo|attachment",
    "password_hash": "password|passwd|pwd|password hash|passwordhash|password digest|"
    "encrypted password|hashed password|pass hash|passwort|kennwort|mot passe|mot de passe|"
    "contrasena|senha|salt|password salt",
    "token": "token|api key|apikey|api token|access token|refresh token|auth token|session token|"
    "reset token|reset password token|confirmation token|secret|secret key|client secret|"
    "session key|access key|private key|remember token|otp secret|session id|session|schlussel",
    "gender": "gender|sex|geschlecht|sexe|sexo|genero|genre",
    "name": "name|names|nom|nombre|nome|bezeichnung",
}  # fmt: skip
_HEAD_FIRST = frozenset(
    word_list(
        "nom prenom nombre nome apellido apellidos sobrenome courriel correo correio telefono "
        "telefone numero telephone portable celular adresse direccion endereco domicilio rue "
        "calle rua ville ciudad cidade pays pais code codigo date fecha data mot contrasena senha "
        "provincia estado pagina site sexe sexo genero empresa entreprise"
    )
)
_PERSON_WORDS = frozenset(
    word_list(
        "person people user customer client employee staff member patient contact student teacher "
        "author owner manager agent guest subscriber applicant candidate driver passenger doctor "
        "physician practitioner citizen beneficiary tenant buyer seller lead participant resident "
        "worker supervisor actor player individual voter donor volunteer instructor nurse "
        "attendee recipient sender holder rep salesperson profile lecturer professor pupil "
        "contestant athlete kunde kunden benutzer "
        "mitarbeiter mitglied mitglieder patienten person personen angestellte schuler lehrer "
        "utilisateur utilisateurs employe employes membre membres personne personnes salarie "
        "cliente clientes usuario usuarios empleado empleados persona personas paciente pacientes "
        "miembro funcionario funcionarios pessoa pessoas aluno alunos alumno alumnos"
    )
)
_COMPANY_WORDS = frozenset(
    word_list(
        "company organization organisation supplier vendor employer merchant shipper firma firmen "
        "lieferant lieferanten entreprise fournisseur societe empresa proveedor fornecedor"
    )
)
_NAMED_PEOPLE = frozenset(
    word_list(
        "author composer director artist singer writer photographer creator assignee reviewer "
        "approver inspector physician doctor nurse teacher instructor manager supervisor "
        "representative salesperson cashier driver bewerter bearbeiter sachbearbeiter autor "
        "auteur vendedor"
    )
)
# Words before or after a phrase that leave its meaning as it is.
_NEUTRAL = frozenset(
    word_list(
        "primary secondary main home work office private personal business billing shipping "
        "default alt alternate old new current text value raw full encrypted normalized lower nr "
        "de du la le der da do del el des"
    )
)
_IRREGULAR = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse",
    "feet": "foot", "teeth": "tooth", "indices": "index", "matrices": "matrix", "leaves": "leaf",
    "lives": "life", "wives": "wife", "criteria": "criterion", "media": "medium",
}  # fmt: skip
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@lru_cache(maxsize=4096)
def words_of(name: str) -> tuple[str, ...]:
    """
    Split a name into lower-case words without accents.

    >>> words_of("customerE-MailAddress2")
    ('customer', 'e', 'mail', 'address', '2')
    """
    decomposed = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return tuple(w.lower() for w in _WORDS.findall(plain))


@lru_cache(maxsize=1)
def _index() -> dict[tuple[str, ...], str]:
    return {
        tuple(phrase.split()): semantic
        for semantic, phrases in _PHRASES.items()
        for phrase in phrases.split("|")
    }


@lru_cache(maxsize=4096)
def semantic_of(name: str) -> str:
    """
    Say what a column's name means: one of `SEMANTICS`, "gender", "name", or "" if nothing.

    The noun decides, so `email_sent` means nothing.  "name" alone may be a person's or a thing's.

    >>> semantic_of("billingZipCode"), semantic_of("email_sent"), semantic_of("fecha_nacimiento")
    ('postal_code', '', 'birth_date')
    """
    words = words_of(name)
    if not words:
        return ""
    for candidate in (words, _trimmed(words)):
        found = _suffix(candidate) or _prefix(candidate)
        if found:
            return found
    return ""


def _trimmed(words: tuple[str, ...]) -> tuple[str, ...]:
    """Drop numbers and neutral words at the end."""
    end = len(words)
    while end > 1 and (words[end - 1].isdigit() or words[end - 1] in _NEUTRAL):
        end -= 1
    return words[:end]


def _suffix(words: tuple[str, ...]) -> str:
    for start in range(len(words)):
        semantic = _index().get(words[start:])
        if semantic is None:
            continue
        if words[start:] in (("first",), ("last",), ("land",)) and start > 0:
            return ""  # e.g. is_first, sort_last
        if semantic == "name" and start > 0:
            return "full_name" if words[start - 1] in _PERSON_WORDS else ""
        return semantic
    return ""


def _prefix(words: tuple[str, ...]) -> str:
    if words[0] not in _HEAD_FIRST:
        return ""
    for end in range(len(words) - 1, 0, -1):
        semantic = _index().get(words[:end])
        if semantic is None:
            continue
        rest = [w for w in words[end:] if w not in _NEUTRAL]
        if semantic == "name":
            return "full_name" if rest and rest[0] in _PERSON_WORDS else ""
        return semantic
    return ""


def is_person_table(name: str, columns: Iterable[str]) -> bool:
    """
    Whether a table is about people, by its name or by the columns it has.

    >>> is_person_table("shop_customers", []), is_person_table("airports", ["name", "iata"])
    (True, False)
    """
    words = words_of(name)
    if any(w in _PERSON_WORDS or singular(w) in _PERSON_WORDS for w in words[-1:]):
        return True
    meanings = {semantic_of(c) for c in columns}
    if meanings & {"first_name", "last_name", "birth_date", "national_id", "gender"}:
        return True
    return "email" in meanings and "phone" in meanings and "company" not in meanings


def is_company_table(name: str) -> bool:
    """
    Whether a table is about companies, by its name.

    >>> is_company_table("Suppliers"), is_company_table("company_cars")
    (True, False)
    """
    words = words_of(name)
    return bool(words) and singular(words[-1]) in _COMPANY_WORDS


def named_thing(table: str) -> str:
    """
    What the rows of a table are the names of, by its name; "" if they are nothing known.

    >>> named_thing("world_cities"), named_thing("languages"), named_thing("orders")
    ('city', 'language', '')
    """
    words = words_of(table)
    found = semantic_of(singular(words[-1])) if words else ""
    return found if found in SHARED else ""


GIVEN_NAMES = frozenset(
    word_list(
        "james john robert michael william david richard joseph thomas charles christopher daniel "
        "matthew anthony mark donald steven paul andrew joshua kenneth kevin brian george timothy "
        "ronald edward jason jeffrey ryan jacob gary nicholas eric jonathan stephen larry justin "
        "scott brandon benjamin samuel gregory alexander patrick frank raymond jack dennis jerry "
        "tyler aaron jose adam nathan henry douglas zachary peter kyle noah ethan jeremy walter "
        "christian keith roger terry austin sean gerald carl harold dylan arthur lawrence jordan "
        "jesse bryan billy bruce gabriel joe logan alan juan albert willie elijah wayne randy "
        "mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty "
        "sandra margaret ashley kimberly emily donna michelle carol amanda melissa deborah "
        "stephanie rebecca sharon laura cynthia dorothy amy kathleen angela shirley emma brenda "
        "pamela nicole anna samantha katherine christine debra rachel carolyn janet maria olivia "
        "heather helen catherine diane julie victoria joyce lauren kelly christina ruth joan "
        "virginia judith evelyn hannah andrea megan cheryl jacqueline madison teresa abigail "
        "sophia martha sara gloria janice kathryn ann isabella judy charlotte julia grace amber "
        "alice jean denise frances danielle marilyn natalie beverly diana brittany theresa kayla "
        "alexis doris lori tiffany robin antonio luis carlos miguel jorge pedro manuel francisco "
        "javier fernando alejandro sofia lucia carmen ana isabel elena pablo diego marta pierre "
        "jacques michel philippe nicolas julien antoine camille chloe sophie nathalie isabelle "
        "valerie claire giuseppe giovanni marco luca matteo francesca giulia chiara paolo "
        "alessandro hans klaus wolfgang jurgen stefan andreas matthias markus sabine petra monika "
        "ursula claudia birgit katrin heike anja jan lukas felix leon finn lena mia johanna lars "
        "erik anders sven ingrid astrid ahmed mohammed fatima ali omar priya raj amit anil "
        "sunita wei li yuki hiroshi kenji tom bob mike dave chris alex sam ben dan jim tim max "
        "tony kim lee lynn tracy dawn tina wendy tammy regina crystal erin shannon april katie "
        "derek travis chad brett shawn cody dustin joel troy marcus victor phillip todd craig"
    )
)
"""Frequent given names of people in Europe and America, in small letters."""


def names_a_person(column: str) -> bool:
    """Whether a column is called after a role that a person has, e.g. composer."""
    words = words_of(column)
    return bool(words) and singular(words[-1]) in _NAMED_PEOPLE


def singular(word: str) -> str:
    """Guess a word's singular, as English forms it."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word.removesuffix("s")


@lru_cache(maxsize=65536)
def noun_forms(word: str) -> frozenset[str]:
    """
    Every singular that a word may have, and itself.

    >>> sorted(noun_forms("boxes")), sorted(noun_forms("people"))
    (['box', 'boxe', 'boxes'], ['people', 'person'])
    """
    found = {word, _IRREGULAR.get(word, word)}
    if word.endswith("ies") and len(word) > 4:
        found.add(word[:-3] + "y")
    if word.endswith("es") and len(word) > 4:
        found.add(word[:-2])
    if word.endswith("s") and not word.endswith("ss") and len(word) > 2:
        found.add(word[:-1])
    return frozenset(found)


def same_noun(one: str, other: str) -> bool:
    """Whether two words are one noun, in whatever number."""
    return one == other or bool(noun_forms(one) & noun_forms(other))
