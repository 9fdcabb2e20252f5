"""VADER's lexicon fitted to company news: words that are news by themselves, and words that have no tone there.

VADER (Hutto and Gilbert 2014) was made for social media, where crude, shares, trust and United are feelings.
Valences are on its scale of -4 to 4.
"""

from __future__ import annotations

from collections.abc import Mapping

from alphapulse.agents.headlines.words import BEATS, DIRECTIONS, MEASURES, MISSES, TROUBLES, words

# News that needs neither measure nor direction.
EVENTS: dict[str, float] = {
    word: value
    for value, text in {
        2.0: "upgrade upgrades upgraded upgrading win wins won winning breakthrough newhigh turnaround excellent "
        "upbeat bullish profitable synergies",
        1.5: "positive good favourable favorable optimistic",
        1.2: "costsavings expand expands expanded expanding expansion recovery recover recovers recovered award awards "
        "awarded overweight reinstates reopens resume resumes selected",
        -1.2: "underweight shutdown cease ceases ceased discontinue discontinues discontinued terminate terminates "
        "terminated cancel cancels canceled cancelled cancellation postpone postpones postponed suspend suspends "
        "suspended suspension halt halts halted delayed closure closures bearish accuse accuses accused unsold "
        "oversupply glut idle idles idled bleak gloomy caution cautions cautious",
        -1.5: "adverse adversely hampered hamper hampers burdened negative ban bans banned stagnation stagnant "
        "unfavourable unfavorable",
        -1.8: "downgrade downgrades downgraded downgrading warn warns warned warning warnings lose loses losing lost "
        "fined sue sues sued suing subpoena subpoenaed unprofitable selloff rout scandal fraud breach breaches hacked "
        "hack cyberattack misconduct negligence violate violates violated violation violations newlow delist delisted "
        "delisting redundancies redundancy recession spill crash crashes crashed explosion guilty boycott counterfeit "
        "contamination shortage shortages reject rejects rejected probed investigated raid raided embezzlement bribery "
        "corruption contraction",
        -2.8: "bankrupt insolvent insolvency liquidation collapse collapses collapsed profitwarning default defaulted",
    }.items()
    for word in words(text)
}

# Beginnings of words that name things, people, procedures or promises in business, or belong to company names.
_NO_TONE = tuple(
    sorted(
        words(
            "accept active adopt advanced advantag adventur affected agree alert alive allow alone amaz amus anti "
            "apolog applaud approv argu arrest asset assur attack attract author await bargain battl beaut beneficiar "
            "best block bold bomb bonus brave bright broke calm cancer care casual certain challeng champ chance "
            "charit charm cheer clean clear clever combat comed comfort commit competit comprehensive consent cool "
            "creat credit crimin critic crude crush cute dead deal dear death dedicat defen desir determin devot "
            "diamond dignit discount diseas disorder divin dream drug dump dynamic eager eas easi easy effective "
            "efficien elegan emergency employ encourag energ engag enjoy entertain enthus entitl equal ethic "
            "exclusive explor extend fair faith famil fan fashion fight fire fit flagship flexib flu focus forgiv "
            "free fresh friend fun gallant generous genero genius gentle gift giv glad glamor glor god gold grace "
            "grand grant grat great greet gross guarantee gun hand happ hard harmon heal heart help hero holiday "
            "honest honor honour hope hostil hug humor ideal imagin immun import impress incentiv innovat inspir "
            "intell interes invest invit jail join jok joy just justice kill kind laugh lawsuit leak leave legal "
            "liberty like limited lone lov luck luxur magic marvel mature merc merr mine miracl mission motivat "
            "murder natural nice noble offline okay opportunit optim original outstand pain paradise part pass "
            "passive peace perfect play plea poison popular power prais precious premi present pretty pride prison "
            "privileg prize profess promis promot prospect prosper protect protest proud ready reach recommend relax "
            "reliab relie remark rescue resign resolv respect respons restor reward rich rig romantic safe sav scien "
            "secur sens sentiment serious sex shar significan sincer smart smil soci solution sophist soul sparkl "
            "special spirit splendid stable steady stop straight strength stress substan succession successor suic "
            "super support suprem sure surpris sustain sweet swift sympath talent tender terror thank thrill toler "
            "top tough treasur treat true trust tumor unified unite united unsecured urgent useful valid valu verdict "
            "victim violen vision vital vitamin vulner war warm waste wealth weapon welcom well will wis wish woo "
            "worth yes young zeal"
        )
    )
)
# Words with a tone of their own among them.
_KEPT = words(
    "hopeless worthless unsafe careless hardship painful attractive promising impressive satisfied satisfactory "
    "optimism pessimism stoppage worsen worsens worsened worsening criticised criticized violates"
)
_FAINT = 1.0  # below this VADER's raters hardly agreed on a sign


def fit(lexicon: Mapping[str, float]) -> dict[str, float]:
    """Return VADER's lexicon for company news: our events, and its words without faint ones, measures and directions.

    lexicon: valence by lower-case word, -4 to 4.
    """
    ours = {*MEASURES, *DIRECTIONS, *TROUBLES, *BEATS, *MISSES}
    general = {
        word: value
        for word, value in lexicon.items()
        if abs(value) >= _FAINT
        and word.isalpha()
        and len(word) > 3  # shorter ones are chat and tickers
        and word not in ours
        and (word in _KEPT or not word.startswith(_NO_TONE))
    }
    return {**general, **EVENTS}
