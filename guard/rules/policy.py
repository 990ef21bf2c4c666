"""Rule `policy`: who changes how things are built and tested says why.

A verdict says only that a recipe was gone through: `true` passes everything.
"""

from guard.model import OTHER_RECIPE, POLICY, Finding, Severity
from guard.situation.values import OtherRecipe


def check(recipe: OtherRecipe) -> Finding:
    """What is said of a recipe that nobody gives a reason for."""
    evidence, name = recipe.superproject, recipe.superproject.repository
    where = f"commit {evidence.commit[:12]}" if evidence.commit else "what is staged"
    return Finding(
        POLICY,
        Severity.ERROR,
        f"{name} is built or tested in another way than {recipe.there[:12]} says "
        f"({', '.join(recipe.keys)}), and {where} does not say why",
        found=f"no line '{OTHER_RECIPE}: <why>'" if evidence.commit else "nothing is committed",
        expected=f"'{OTHER_RECIPE}: <why>' in the message of the newest commit that changes it",
        evidence=(evidence,),
    )
