from core.labels import UNKNOWN_PERSON
from core.stages.active_speaker import NOBODY_SEEN, Attribution
from core.stages.binding import VoiceBinding


def seen(person, share=0.9):
    return Attribution(person, share, "this mouth moves most")


STILL = Attribution(UNKNOWN_PERSON, 0.4, "several mouths move alike")


def test_a_voice_is_bound_once_most_of_the_evidence_agrees():
    binding = VoiceBinding()
    binding.observe(1, seen("p1"), 0.8)
    assert binding.person_of(1) is None, "one short utterance is not enough"
    binding.observe(1, seen("p1"), 2.0)
    assert binding.person_of(1) == "p1"


def test_it_keeps_its_face_while_that_is_away():
    binding = VoiceBinding()
    binding.observe(1, seen("p1"), 5.0)
    for _ in range(50):
        binding.observe(1, NOBODY_SEEN, 10.0)
    assert binding.person_of(1) == "p1"


def test_a_voice_over_still_faces_is_bound_to_nobody():
    binding = VoiceBinding()
    binding.observe(1, seen("p1"), 2.0)
    binding.observe(1, STILL, 6.0)
    assert binding.person_of(1) is None


def test_a_face_belongs_to_the_voice_with_more_evidence():
    binding = VoiceBinding()
    binding.observe(1, seen("p1"), 9.0)
    binding.observe(2, seen("p1"), 3.0)
    assert (binding.person_of(1), binding.person_of(2)) == ("p1", None)


def test_who_is_bound_does_not_speak_with_another_voice():
    binding = VoiceBinding()
    binding.observe(1, seen("p1"), 9.0)
    binding.observe(2, seen("p2"), 2.0)
    assert binding.taken(2) == {"p1"}
    assert binding.taken(1) == frozenset(), "two seconds bind, and can be corrected"


def test_voices_that_are_one_share_what_is_known_of_them():
    binding = VoiceBinding()
    binding.observe(1, seen("p1"), 0.8)
    binding.observe(2, seen("p1"), 0.8)
    binding.merge(2, 1)
    assert binding.person_of(1) == "p1"
    assert binding.person_of(2) is None
