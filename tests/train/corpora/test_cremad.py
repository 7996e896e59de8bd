"""CREMA-D's votes in the three forms in which they come, the authors' own two to the letter."""

from __future__ import annotations

import gzip

import pytest

from core.errors import SourceError
from core.labels import EMOTIONS
from train.corpora import cremad

# The first columns and three clips of the authors' table; row names are 100000 * channel + clip number.
MEANS = ["Emo", "Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad"]
TABULATED_HEAD = ",".join(
    f'"{name}"'
    for name in [
        "", *"ADFHNS", "fileName", "numResponses", "agreement", "emoVote",
        *(f"mean{name}Resp" for name in MEANS), "medianEmoResp",
        *(f"mean{name}RespNorm" for name in MEANS), "medianEmoRespNorm",
    ]
)  # fmt: skip
TABULATED = f"""{TABULATED_HEAD}
"100062",6,2,0,0,1,0,"1001_DFA_ANG_XX",9,0.666666666666667,"A",54.6666666666667,47.3333333333333,59.5,-1,-1,89,-1,61,49.07,41.03,54.50,-1,-1,86.44,-1,55.17
"200062",5,2,0,0,3,0,"1001_DFA_ANG_XX",10,0.5,"A",50,47,59,-1,-1,89,-1,61,49.07,41.03,54.50,-1,-1,86.44,-1,55.17
"300062",8,1,0,0,0,0,"1001_DFA_ANG_XX",9,0.888888888888889,"A",50,47,59,-1,-1,-1,-1,61,49.07,41.03,54.50,-1,-1,-1,-1,55.17
"100009",5,5,0,0,1,1,"1001_IEO_ANG_MD",12,0.416666666666667,"A:D",50.5833333333333,37.2,58.6,-1,-1,57,71,54.5,41.87,30.19,50.61,-1,-1,51.13,47.27,40.32
"""
ANSWERS_HEAD = (
    '"","localid","pos","ans","ttr","queryType","numTries","clipNum","questNum","subType","clipName",'
    '"sessionNums","respEmo","respLevel","dispEmo","dispVal","dispLevel"'
)


def answers(*rows):
    """Lines of finishedResponses.csv from (channel, clip, letter)."""
    lines = [
        f'"{n}","p{n}",{n},"{letter}_62",4218,{channel},0,62,{n},4,"{clip}",1,"{letter}",62,"A","XX",-1'
        for n, (channel, clip, letter) in enumerate(rows, start=1)
    ]
    return "\n".join([ANSWERS_HEAD, *lines, ""])


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def heard(folder, channel="audio"):
    return dict(zip(EMOTIONS, cremad.vote_shares(folder, channel)["anger"].tolist(), strict=True))


def test_the_authors_tabulated_votes_are_told_apart_by_the_names_of_their_rows(tmp_path):
    write(tmp_path, "processedResults/tabulatedVotes.csv", TABULATED)
    shares = heard(tmp_path)
    assert shares["anger"] == pytest.approx((6 / 9 + 5 / 12) / 2)
    assert shares["sadness"] == pytest.approx((1 / 12) / 2)
    face = heard(tmp_path, "face")
    assert face["anger"] == pytest.approx((5 / 10) / (5 / 10 + 2 / 10 + 3 / 10))


def test_clips_beside_the_authors_table_are_found_with_their_votes(tmp_path):
    write(tmp_path, "processedResults/tabulatedVotes.csv", TABULATED)
    write(
        tmp_path,
        "processedResults/summaryTable.csv",
        '"","FileName","VoiceVote"\n"1","1001_DFA_ANG_XX","A"\n',
    )
    write(tmp_path, "VideoFlash/1001_DFA_ANG_XX.flv", "")
    write(tmp_path, "AudioWAV/1001_IEO_ANG_MD.wav", "")
    film, sound = cremad.read(tmp_path)
    assert dict(zip(EMOTIONS, film.labels.target.tolist(), strict=True))["anger"] == pytest.approx(8 / 9)
    assert dict(zip(EMOTIONS, sound.labels.target.tolist(), strict=True))["disgust"] == pytest.approx(5 / 12)


def test_single_answers_are_counted_where_there_is_no_table(tmp_path):
    clip = "1001_DFA_ANG_XX"
    rows = [(1, clip, "A")] * 3 + [(1, clip, "D")] + [(2, clip, "N")] * 2
    write(tmp_path, "finishedResponses.csv", answers(*rows))
    assert heard(tmp_path)["anger"] == pytest.approx(0.75)
    assert heard(tmp_path, "face")["neutral"] == 1.0


def test_a_table_comes_before_single_answers(tmp_path):
    write(tmp_path, "finishedResponses.csv", answers((1, "1001_DFA_ANG_XX", "S")))
    write(tmp_path, "processedResults/tabulatedVotes.csv", TABULATED)
    assert heard(tmp_path)["sadness"] < 0.1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tabulatedVotes.csv", TABULATED.replace('"200062"', '"900062"')),
        ("tabulatedVotes.csv", TABULATED.replace('"200062",5', '"200062",-5')),
        ("tabulatedVotes.csv", TABULATED.replace('"200062",5,', '"200062",')),
        ("finishedResponses.csv", answers((1, "1001_DFA_ANG_XX", "A"), (1, "1001_DFA_ANG_XX", "X"))),
        ("finishedResponses.csv", answers((1, "1001_DFA_ANG_XX", "A"), (4, "1001_DFA_ANG_XX", "A"))),
        ("finishedResponses.csv", answers((1, "1001_DFA_ANG_XX", "A"), (1, "practice", "A"))),
    ],
)
def test_a_bad_row_is_named_with_its_line(tmp_path, name, text):
    write(tmp_path, name, text)
    with pytest.raises(SourceError, match=f"{name}, line 3: "):
        cremad.vote_shares(tmp_path, "audio")


def test_a_folder_without_votes_is_named(tmp_path):
    with gzip.open(tmp_path / "votes.csv.gz", "wt", encoding="utf-8") as file:
        file.write("id,text\n1,of another corpus\n")
    with pytest.raises(SourceError, match="no table of votes"):
        cremad.read(tmp_path)
