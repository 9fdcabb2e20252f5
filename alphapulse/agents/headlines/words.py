"""The vocabulary of company news: what is measured, which way it moved, and what is news by itself.

Written for this project from common financial English. A measure has a polarity (is more of it good news?), a
direction a sign, and only both together have a tone: falling costs are good, falling sales are bad (the directional
dependency of Malo, Sinha, Korhonen, Wallenius and Takala 2014, "Good debt or bad debt"). Words are lower case, one
token each; `PHRASES` makes one token of several words before anything else is looked up.
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the words of a list written as text."""
    return frozenset(text.split())


def _each(value: float, text: str) -> dict[str, float]:
    return dict.fromkeys(text.split(), value)


# Is more of it good (1), bad (-1) or neither (0: whatever moved, it is no news of a tone)?
MEASURES: dict[str, float] = {
    **_each(
        1.0,
        "profit profits profitability earnings ebit ebitda eps income sales revenue revenues turnover margin margins "
        "cashflow dividend dividends payout order orders orderbook backlog bookings billings demand volume volumes "
        "shipments deliveries output production traffic passengers subscribers users customers loads utilisation "
        "utilization productivity efficiency competitiveness returns growth shares stock stocks shareprice marketshare "
        "rating ratings outlook forecast forecasts guidance target targets pricetarget estimates expectations "
        "result results performance liquidity solvency confidence sentiment jobs job workforce staff headcount "
        "employment gdp exports advertising occupancy surplus visitors popularity "
        "ffo",
    ),
    **_each(
        -1.0,
        "cost costs expense expenses expenditure loss losses deficit debt debts borrowings gearing leverage "
        "unemployment inflation provision provisions impairment impairments writedown writedowns charges charge "
        "defaults delinquencies badloans overcapacity risk risks uncertainty taxes churn complaints injuries downtime "
        "emissions delay delays lawsuit lawsuits litigation probe probes investigation investigations inquiry charges "
        "recall recalls dispute disputes strike strikes claims layoffs bankruptcy fears worries concerns doubts "
        "pressure pressures outage outages allegations fine fines penalty penalties shortfall vacancy overheads",
    ),
    **_each(
        0.0,
        "capital stake stakes holding holdings ownership interest threshold rate rates price prices wage wages votes "
        "limit age temperature bid offer offers takeover euro dollar yen currency fee fees stockoptions tariff tariffs "
        "premium premiums board committee ceiling spending capex",
    ),
}
# Nouns of movement that can be moved themselves: slowing growth is bad, a slowing decline is good.
MOVING = frozenset({"growth", "decline"})

# Bad news even when nothing moves them, on VADER's scale of -4 to 4.
TROUBLES: dict[str, float] = {
    **_each(
        -1.5,
        "loss losses deficit lawsuit lawsuits litigation probe probes investigation investigations inquiry dispute "
        "disputes strike strikes delay delays outage outages fears worries concerns doubts overcapacity allegations "
        "shortfall penalty penalties fine fines uncertainty impairment impairments",
    ),
    **_each(-2.0, "recall recalls layoffs writedown writedowns badloans defaults"),
    **_each(-3.0, "bankruptcy"),
    **_each(-0.8, "charge charges pressure pressures"),
}

_RISING = (
    "rise rises rose risen climb climbs climbed jump jumps jumped soar soars soared soaring surge surges surged gain "
    "gains gained rally rallies rallied leap leaps leapt rocket rockets rocketed skyrockets skyrocketed rebound "
    "rebounds rebounded bounce bounces bounced"
)
_FALLING = (
    "fall falls fell fallen drop drops dropped slip slips slipped slide slides slid sink sinks sank sunk tumble "
    "tumbles tumbled plunge plunges plunged plummet plummets plummeted slump slumps slumped dip dips dipped sag sags "
    "dive dives dived skid skids skidded retreat retreats retreated"
)
_HIGHER = (
    "higher rising climbing growing increasing improved better bigger larger record strong stronger robust solid "
    "healthy brisk buoyant surging upward accelerating wider double"
)
_LOWER = (
    "lower falling declining dropping sliding shrinking decreasing slowing smaller fewer weak weaker soft softer "
    "sluggish slow slower poor disappointing subdued tepid lacklustre lackluster narrower downward depressed worse"
)
_RAISING = (
    "raise raises raised raising increase increases increased doubles doubled triple triples tripled quadrupled upped "
    "hike hikes hiked hiking add adds added create creates created"
)
_LOWERING = (
    "cut cuts cutting slash slashes slashed slashing trim trims trimmed trimming lowers lowered lowering reduce "
    "reduces reduced reducing reduction reductions decrease decreases decreased halve halves halved curb curbs curbed "
    "shed sheds axe axes axed eliminate eliminates eliminated eliminating scrap scraps scrapped"
)
_HELPING = (
    "boost boosts boosted boosting lift lifts lifted lifting drive drives drove driving fuel fuels fueled fuelled spur "
    "spurs spurred propel propels propelled"
)
_HURTING = (
    "hurt hurts hit hits dent dents dented drag drags squeeze squeezes squeezed erode erodes eroded dampen dampens "
    "dampened pressured depress depresses"
)
# Verbs and adjectives that take what follows them as what moved ("cuts costs", "higher sales").
ADJECTIVES = words(f"{_HIGHER} {_LOWER}")
TAKES_OBJECT = words(f"{_HIGHER} {_LOWER} {_RAISING} {_LOWERING} {_HELPING} {_HURTING}")
# What stands before these is the cause, not what moved ("worries hit shares"), unless "by" follows.
CAUSING = words(f"{_HELPING} {_HURTING}")
DIRECTIONS: dict[str, float] = {
    **_each(1.0, _RISING),
    **_each(-1.0, _FALLING),
    **_each(1.0, f"{_HIGHER} {_RAISING} {_HELPING}"),
    **_each(-1.0, f"{_LOWER} {_LOWERING} {_HURTING}"),
    **_each(
        1.0,
        "grow grows grew grown growth up widen widens widened widening accelerate accelerates accelerated "
        "strengthen strengthens strengthened improve improves improvement improvements upturn upswing pickup peaked",
    ),
    **_each(
        -1.0,
        "decline declines declined down shrink shrinks shrank shrunk narrow narrows narrowed narrowing ease eases "
        "eased weaken weakens weakened weakening deteriorate deteriorates deteriorated slows slowed slowdown downturn "
        "contracted dwindle dwindles dwindled evaporated disappeared dismiss dismisses dismissed dismissal end ends "
        "ended ending avoid avoids avoided avert averts averted resolve resolves resolved drop drops dropped",
    ),
    **_each(0.0, "settle settles settled settling settlement"),  # the trouble is over, the bill is paid
}
# What a direction says without any measure in reach: of a company that falls or soars its shares are meant.
ALONE: dict[str, float] = {
    **_each(1.0, _RISING),
    **_each(-1.0, _FALLING),
    **_each(
        1.5, "improve improves improved improvement improvements strengthen strengthens strengthened strong robust"
    ),
    **_each(
        -1.5,
        "hurt hurts weak weaken weakens weakened deteriorate deteriorates deteriorated sluggish disappointing slowdown "
        "downturn lacklustre lackluster tepid dampen dampened erode eroded depressed worse poor",
    ),
    **_each(1.0, "boost boosts boosted growing better stronger solid healthy brisk buoyant upturn upswing"),
}

BEATS = words(
    "beat beats beating topped tops top exceed exceeds exceeded exceeding surpass surpasses surpassed "
    "outpaced above ahead outperform outperforms outperformed betterthan"
)
MISSES = words(
    "miss misses missed missing lag lags lagged lagging trail trails trailed below disappoint "
    "disappoints disappointed underperform underperforms underperformed worsethan"
)
# These have their tone without an expectation beside them.
BEATS_ALONE = words("beat beats outperform outperforms outperformed")
MISSES_ALONE = words("miss misses missed disappoint disappoints disappointed underperform underperforms underperformed")
EXPECTATIONS = words(
    "estimate estimates expectation expectations forecast forecasts view views consensus target "
    "targets guidance outlook expected projections poll"
)

# Two words that together are good news, at most so many tokens apart and in this order.
GAINS = words(
    "win wins won winning receive receives received receiving get gets got bag bags bagged land lands "
    "landed secure secures secured clinch clinches clinched obtain obtains obtained sign signs signed "
    "awarded award awards inks inked scoops concluded booked"
)
CONTRACTS = words("order orders contract contracts deal")
AUTHORITIES = words(
    "fda ema chmp regulator regulators eu ec ftc doj antitrust authority authorities agency commission court judge"
)
CLEARANCES = words("approve approves approved approval clear clears cleared clearance nod okays greenlight")

NEGATIONS = words(
    "not no never without cannot neither nor hardly fail fails failed unable unlikely refuses nothing denies deny"
)
CONCEDING = words("despite although though notwithstanding")

# Several words that mean one thing; an empty meaning is read over.
PHRASES: dict[str, str] = {
    **dict.fromkeys(("in line with", "in line", "on par with", "unchanged from"), ";"),
    "in spite of": "despite",
    **dict.fromkeys(
        ("per share", "a share", "before tax", "before taxes", "pre tax", "after tax", "after taxes", "record date",
         "in order to", "up to", "excluding items", "in charge of", "in charge", "free of charge", "law firm",
         "short term", "long term", "as well as", "target date", "profit sharing", "profit taking", "so far",
         "sales manager", "sales director", "sales office", "sales network", "head of sales", "low cost", "at risk",
         "risk management", "risk manager", "production manager", "end of", "year end", "by the end", "month end",
         "at the end", "high end", "low end", "end user", "end users", "week end", "front end", "back end"),
        "",
    ),
    **dict.fromkeys(("share price", "stock price", "share prices", "stock prices"), "shareprice"),
    **dict.fromkeys(("dried up", "dries up", "drying up"), "evaporated"),
    "market share": "marketshare",
    **dict.fromkeys(("cash flow", "cash flows"), "cashflow"),
    **dict.fromkeys(("price target", "target price", "price targets"), "pricetarget"),
    **dict.fromkeys(("order book", "order intake", "order backlog", "new orders", "order stock"), "orderbook"),
    **dict.fromkeys(
        ("share capital", "number of shares", "own shares", "new shares", "treasury shares", "voting rights",
         "share of votes", "interest rate", "interest rates", "net interest", "tax rate", "capital expenditure",
         "shares outstanding", "minimum wage", "debt ceiling", "shares in", "million shares", "mln shares",
         "stock exchange", "stock market", "debt offering", "debt financing"),
        "capital",
    ),
    **dict.fromkeys(("stock option", "stock options", "share option", "share options", "stock split"), "stockoptions"),
    **dict.fromkeys(("bad loans", "bad debts", "bad debt", "loan losses", "problem loans"), "badloans"),
    **dict.fromkeys(
        ("job cuts", "staff cuts", "cut jobs", "cuts jobs", "cutting jobs", "lay off", "lays off", "laid off",
         "laying off", "temporary layoffs", "job losses", "personnel reductions", "personnel reduction",
         "workforce reduction", "workforce reductions", "staff reductions", "headcount reduction"),
        "layoffs",
    ),
    **dict.fromkeys(("profit warning", "profit warnings", "warns on", "going concern", "chapter 11"), "profitwarning"),
    **dict.fromkeys(("class action", "class actions"), "lawsuit"),
    **dict.fromkeys(("write down", "write downs", "writes down", "wrote down", "write off", "written down"),
                    "writedown"),
    **dict.fromkeys(
        ("fall short of", "falls short of", "fell short of", "falls short", "fell short", "short of"), "below"),
    **dict.fromkeys(("better than", "stronger than", "more than expected", "above all"), "betterthan"),
    **dict.fromkeys(("worse than", "weaker than"), "worsethan"),
    "less than expected": "lessthanexpected",
    **dict.fromkeys(("record high", "all time high", "week high", "record highs", "year high"), "newhigh"),
    **dict.fromkeys(("record low", "all time low", "week low", "record lows", "year low"), "newlow"),
    **dict.fromkeys(("set up", "sets up", "setting up", "start up", "follow up", "line up", "buy up", "take up",
                     "open up", "ends up", "made up", "make up", "up for", "gave up", "give up", "back up"), "setup"),
    **dict.fromkeys(("step down", "steps down", "stepping down", "stepped down", "down payment"), "stepdown"),
    **dict.fromkeys(("slow down", "slows down", "slowing down", "slowed down"), "slows"),
    **dict.fromkeys(("crack down", "strike price", "exercise price",
                     "break down", "lock down", "melt down", "draw down", "count down",
                     "top down", "takes charge", "take charge", "took charge"), "name"),
    **dict.fromkeys(("weigh on", "weighs on", "weighed on", "weighing on"), "hurts"),
    **dict.fromkeys(("cost savings", "annual savings", "savings of"), "costsavings"),
    **dict.fromkeys(("codetermination negotiations", "statutory negotiations", "personnel negotiations"), "layoffs"),
    **dict.fromkeys(("shut down", "shuts down", "shutting down", "close down", "closes down"), "shutdown"),
    **dict.fromkeys(("charged with", "pleads guilty", "pleaded guilty"), "accused"),
    **dict.fromkeys(("loss making", "red ink", "in the red"), "unprofitable"),
    **dict.fromkeys(("no significant", "no material", "not significant", "no major", "not material"), "immaterial"),
    **dict.fromkeys(("pick up", "picks up", "picked up", "picking up"), "rebounds"),
    **dict.fromkeys(("per cent", "percent", "percentage points"), "pct"),
    **dict.fromkeys(("best buy", "united states", "united kingdom", "great britain", "home depot", "dollar general",
                     "general dynamics", "first solar", "hard rock", "time warner", "good morning", "fresh market",
                     "free trade", "super bowl", "strong buy", "supreme court"), "name"),
}  # fmt: skip
