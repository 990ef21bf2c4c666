"""Rule `image-published`: CI tests what is pushed in the image that has passed.

A team that pushes the consumer before it publishes the image, or before it pushes the
superproject with another dependency, has CI test the new sources in the old image.
"""

from typing import Final

from guard.model import Finding, Severity
from guard.situation.publication import Unknown, undecided
from guard.situation.values import Facts, OldImage

NAME: Final = "image-published"
_SHOWN: Final = 4


def check(facts: Facts) -> list[Finding]:
    """Nothing where the image was published, or is the one that others have."""
    return of_image(facts.old_image)


def of_image(old: OldImage | None) -> list[Finding]:
    """The same, where nothing else of the facts is at hand."""
    if old is None:
        return []
    weight = Severity.ERROR if old.blocks else Severity.WARNING
    drift = old.drift
    if isinstance(drift, Unknown):
        what = f"whether CI would test {old.consumer} in the old image is not known: {drift.what}"
        unknown = Unknown(what, drift.remedy, (old.evidence,))
        return [undecided(NAME, unknown, Severity.UNDECIDED if old.blocks else weight)]
    more = len(drift.differs) - _SHOWN
    differs = ", ".join(drift.differs[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return [
        Finding(
            NAME,
            weight,
            f"CI would test this commit of {old.consumer} in an older image: the one that passed "
            f"has not been published (guard publish {old.verdict})",
            found=f"unlike {old.evidence.repository} on {drift.remote}: {differs}",
            expected=f"the image of verdict {old.verdict} in its registry",
            evidence=(old.evidence,),
        )
    ]
