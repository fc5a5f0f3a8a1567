"""What a log's ratings say: liked, disliked, or neither."""

from dataclasses import dataclass, field

FEWEST_STARS_LIKED, MOST_STARS_DISLIKED, MOST_STARS = 4, 2, 5


@dataclass
class RatingScale:
    """Finds out whether a log's numbers are 0 and 1 (or -1 and 1) or one to five stars; then reads ratings by it.

    Of stars, four and five are liked, one and two disliked, and three is taken as no rating. Numbers of any other
    scale are taken as no rating.
    """

    largest: float = field(default=0.0)

    def see(self, rating: float | bool | None) -> None:
        """Note a rating of the log; all are noted before any is read."""
        if rating is not None and not isinstance(rating, bool) and rating > self.largest:
            self.largest = rating

    @property
    def has_stars(self) -> bool:
        """Whether numbers are stars."""
        return self.largest > 1

    @property
    def description(self) -> str:
        """How ratings are read."""
        if self.largest > MOST_STARS:
            return f"numbers up to {self.largest:g}, of a scale that is not known: taken as not rated"
        if self.has_stars:
            return f"stars: {FEWEST_STARS_LIKED} and more liked, {MOST_STARS_DISLIKED} and fewer disliked"
        return "1 liked, 0 disliked"

    def read(self, rating: float | bool | None) -> int | None:
        """1 for a liked call, 0 for a disliked one, `None` for neither."""
        if rating is None or isinstance(rating, bool):
            return None if rating is None else int(rating)
        if self.has_stars:
            if self.largest > MOST_STARS or not 1 <= rating <= MOST_STARS:
                return None
            return 1 if rating >= FEWEST_STARS_LIKED else 0 if rating <= MOST_STARS_DISLIKED else None
        return {1.0: 1, 0.0: 0, -1.0: 0}.get(rating)
