"""What shoppers read when a request fails: a text for each kind of error, in four languages, without technical words.

``problem`` and ``fix`` of an error are for engineers.
"""

from __future__ import annotations

LANGUAGES = ("en", "de", "fr", "es")
MESSAGES: dict[str, tuple[str, str, str, str]] = {
    "photo": (
        "This photo cannot be read. Please try another one.",
        "Dieses Foto lässt sich nicht lesen. Bitte versuchen Sie ein anderes.",
        "Cette photo est illisible. Essayez-en une autre.",
        "Esta foto no se puede leer. Prueba con otra.",
    ),
    "photo-size": (
        "This photo is too large. Please send a smaller one.",
        "Dieses Foto ist zu groß. Bitte senden Sie ein kleineres.",
        "Cette photo est trop grande. Envoyez-en une plus petite.",
        "Esta foto es demasiado grande. Envía una más pequeña.",
    ),
    "address": (
        "No photo can be loaded from this address. Please save the photo and choose the file.",
        "Von dieser Adresse lässt sich kein Foto laden. Bitte speichern Sie das Foto, und wählen Sie die Datei.",
        "Aucune photo n'a pu être chargée depuis cette adresse. Enregistrez la photo et choisissez le fichier.",
        "No se puede cargar ninguna foto desde esta dirección. Guarda la foto y elige el archivo.",
    ),
    "wait": (
        "These were many searches in a short time. Please wait a moment.",
        "Das waren viele Suchen in kurzer Zeit. Bitte warten Sie einen Moment.",
        "Cela fait beaucoup de recherches en peu de temps. Patientez un instant.",
        "Han sido muchas búsquedas en poco tiempo. Espera un momento.",
    ),
    "busy": (
        "Many people are searching right now. Please try again in a moment.",
        "Gerade suchen viele Menschen. Bitte versuchen Sie es gleich noch einmal.",
        "Beaucoup de personnes font des recherches en ce moment. Réessayez dans un instant.",
        "Ahora mismo hay muchas búsquedas. Inténtalo de nuevo en un momento.",
    ),
    "slow": (
        "The photo did not arrive in time. Please check your connection and try again.",
        "Das Foto kam nicht rechtzeitig an. Bitte prüfen Sie Ihre Verbindung, und versuchen Sie es noch einmal.",
        "La photo n'est pas arrivée à temps. Vérifiez votre connexion et réessayez.",
        "La foto no llegó a tiempo. Comprueba tu conexión e inténtalo de nuevo.",
    ),
    "expired": (
        "This search has expired. Please start again with your photo.",
        "Diese Suche ist abgelaufen. Bitte beginnen Sie noch einmal mit Ihrem Foto.",
        "Cette recherche a expiré. Recommencez avec votre photo.",
        "Esta búsqueda ha caducado. Vuelve a empezar con tu foto.",
    ),
    "product": (
        "This product is no longer available.",
        "Dieses Produkt gibt es nicht mehr.",
        "Ce produit n'est plus disponible.",
        "Este producto ya no está disponible.",
    ),
    "filter": (
        "One of the filters does not fit. Please remove it and try again.",
        "Einer der Filter passt nicht. Bitte entfernen Sie ihn, und versuchen Sie es noch einmal.",
        "L'un des filtres ne convient pas. Retirez-le et réessayez.",
        "Uno de los filtros no encaja. Quítalo e inténtalo de nuevo.",
    ),
    "key": (
        "The search is not available here at the moment.",
        "Die Suche ist hier zurzeit nicht verfügbar.",
        "La recherche n'est pas disponible ici pour le moment.",
        "La búsqueda no está disponible aquí en este momento.",
    ),
    "other": (
        "That did not work. Please try again.",
        "Das hat nicht funktioniert. Bitte versuchen Sie es noch einmal.",
        "Cela n'a pas fonctionné. Réessayez.",
        "Eso no ha funcionado. Inténtalo de nuevo.",
    ),
}
"""Kind of message -> its texts, in the order of :data:`LANGUAGES`."""
KINDS: dict[str, str] = {
    **dict.fromkeys(
        ("photo-too-many-bytes", "photo-too-many-pixels", "photo-too-many-scans", "too-large"), "photo-size"
    ),
    **dict.fromkeys(("bad-url", "fetch-too-large"), "address"),
    "too-many-requests": "wait",
    **dict.fromkeys(("busy", "waited-too-long", "store-in-use", "closed-store", "disk"), "busy"),
    "too-slow": "slow",
    **dict.fromkeys(("unknown-query", "model-changed", "another-generation"), "expired"),
    **dict.fromkeys(("unknown-product", "ambiguous-product", "unknown-photo"), "product"),
    **dict.fromkeys(("bad-condition", "bad-syntax", "unknown-field", "wrong-type", "no-condition"), "filter"),
    **dict.fromkeys(("unauthenticated", "unknown-key", "insufficient-role"), "key"),
}
"""Code of an error -> kind of message, where the beginning of the code does not say it."""
BEGINNINGS = {"photo-": "photo", "fetch-": "address", "bad-photo": "photo"}


def message_for(code: str, language: str = "en") -> str:
    """Return what shoppers read for an error of this code.

    Args:
        language: one of :data:`LANGUAGES`.
    """
    return MESSAGES[message_kind(code)][LANGUAGES.index(language)]


def message_kind(code: str) -> str:
    """Return the kind of message for a code."""
    by_beginning = (kind for beginning, kind in BEGINNINGS.items() if code.startswith(beginning))
    return KINDS.get(code) or next(by_beginning, "other")


def choose_language(accepted: str) -> str:
    """Return the language of :data:`LANGUAGES` that the header ``Accept-Language`` prefers; else English.

    >>> choose_language("pt, fr-CA;q=0.8, de;q=0.5")
    'fr'
    """
    best, best_weight = "en", 0.0
    for one in accepted[:1_000].split(","):
        tag, _, parameter = one.partition(";")
        name = tag.strip().lower().partition("-")[0]
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if name in LANGUAGES and weight > best_weight:
            best, best_weight = name, weight
    return best
