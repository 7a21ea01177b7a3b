"""What the report holds and in which order."""

from evaluation.offline.report.reading import Summary
from evaluation.offline.report.section import Section
from evaluation.offline.report.sections.adaptation import adaptation_section
from evaluation.offline.report.sections.canary import canary_section
from evaluation.offline.report.sections.cold import cold_section
from evaluation.offline.report.sections.exposure import exposure_section
from evaluation.offline.report.sections.fairness import fairness_section
from evaluation.offline.report.sections.learning import learning_section
from evaluation.offline.report.sections.method import method_section
from evaluation.offline.report.sections.mitigation import mitigation_section
from evaluation.offline.report.sections.places import places_section
from evaluation.offline.report.sections.quality import quality_section
from evaluation.offline.report.sections.ranks import ranks_section
from evaluation.offline.report.sections.ratios import ratio_section
from evaluation.offline.report.sections.unseen import unseen_section

ORDER = (
    quality_section,
    ratio_section,
    unseen_section,
    cold_section,
    canary_section,
    learning_section,
    ranks_section,
    adaptation_section,
    places_section,
    fairness_section,
    mitigation_section,
    exposure_section,
    method_section,
)


def outline(summary: Summary) -> list[Section]:
    """The sections for which the summary has something to say."""
    return [section for make in ORDER if (section := make(summary)) is not None]
