"""Misreadings of provisioned instances that follow their load, and of closed populations (model.md 3.2, 4.5)."""

from __future__ import annotations

from tests.engines.mutating import Fault

POP = "        instance = self.in_service.pop()\n        instance.is_draining = True\n        if self.standing"
GONE_IDLE = "            instance.gone_ns = self.now\n        self.tell()\n\n    # What occupies places.\n"
DRAINED = "        if instance.is_draining:\n            self.occupied -= 1\n"
NEW_INSTANCE = "        self.ledger.launch(instance, is_provisioned=True)\n"
READY = "        self.standing.idle[instance.number] = instance\n        self.tell()\n"
IN_SERVICE = "        self._in_service = len(endpoint.in_service)\n"
OCCUPIED = "endpoint.occupied if self._counts_spillover else endpoint.occupied_standing"
OVER_PERIOD = "float(self._observed_ns - self._began_ns)"
PROVISIONED = [
    # How instances come and go.
    Fault("the lowest number goes first", POP, POP.replace("pop()", "pop(0)")),
    Fault(
        "idle ones go before those that hold a request",
        POP,
        POP.replace("pop()", "pop(max((i for i, one in enumerate(self.in_service) if not one.busy), default=-1))"),
    ),
    Fault(
        "an idle one that is to go may still serve",
        "if self.standing.idle.pop(instance.number, None) is not None:",
        "if instance.number in self.standing.idle:",
    ),
    Fault("a draining one is idle at its release", DRAINED, DRAINED.replace("instance.is_draining", "False")),
    Fault(
        "a draining one is gone at once",
        GONE_IDLE,
        "            pass\n        instance.gone_ns = self.now\n        self.tell()\n\n    # What occupies places.\n",
        (
            (
                "            self.occupied -= 1\n            instance.gone_ns = self.now\n",
                "            self.occupied -= 1\n",
            ),
        ),
    ),
    Fault(
        "a draining one occupies no place",
        GONE_IDLE,
        "            instance.gone_ns = self.now\n        else:\n            self.occupied -= 1\n        self.tell()\n",
        (
            (
                "            self.occupied -= 1\n            instance.gone_ns = self.now\n",
                "            instance.gone_ns = self.now\n",
            ),
        ),
    ),
    Fault("a drained one keeps its place", DRAINED, "        if instance.is_draining:\n"),
    Fault("one that starts serves already", NEW_INSTANCE, NEW_INSTANCE + READY, ((READY, "        self.tell()\n"),)),
    Fault(
        "one that starts occupies a place",
        NEW_INSTANCE,
        NEW_INSTANCE + "        self.occupied += 1\n",
        ((READY, "        self.occupied -= 1\n" + READY),),
    ),
    Fault(
        "one that is ready was idle last",
        READY,
        READY.replace("        self.tell", "        instance.idle_since = (self.now, 0, 0)\n        self.tell"),
    ),
    Fault("those that scaling launches are not told apart", ", is_provisioned=True)", ")"),
    Fault(
        "an idle one serves at the limit, too",
        "        if self.occupied >= self.pool.max_concurrency:\n            instance = yield",
        "        if self.occupied >= self.pool.max_concurrency and not self.standing.idle:\n"
        "            instance = yield",
    ),
    Fault(
        "those that start are no capacity",
        "return len(self._endpoint.in_service) + len(self._starting)",
        "return len(self._endpoint.in_service)",
    ),
    Fault(
        "a launch by scaling spends what lets launches through",
        NEW_INSTANCE,
        NEW_INSTANCE + "        self.launch_rate.spends(self.now)\n",
    ),
    # What a metric measures.
    Fault(
        "those that drain are in service to a metric",
        IN_SERVICE,
        "        self._in_service = len(endpoint.in_service)\n"
        "        self._in_service += endpoint.occupied_standing - sum(one.busy for one in endpoint.in_service)\n",
    ),
    Fault(
        "what those that drain hold is not occupied",
        OCCUPIED,
        "endpoint.occupied if self._counts_spillover else sum(one.busy for one in endpoint.in_service)",
    ),
    Fault("spilled requests are counted always", OCCUPIED, "endpoint.occupied"),
    Fault("spilled requests are never counted", OCCUPIED, "endpoint.occupied_standing"),
    Fault(
        "a startup is not occupied to a metric",
        "        instance = super().launch(attempt)\n        self.tell()\n",
        "        instance = super().launch(attempt)\n",
    ),
    Fault(
        "a failed launch is occupied to a metric until something else happens",
        "        yield from super().failed_launch(attempt, instance)\n        self.tell()\n",
        "        yield from super().failed_launch(attempt, instance)\n",
    ),
    Fault(
        "M without the beginning of the period",
        "        self._greatest = self._occupied\n",
        "        self._greatest = 0\n",
    ),
    Fault(
        "M of the end of the period",
        "self._greatest = max(self._greatest, self._occupied)",
        "self._greatest = self._occupied",
    ),
    Fault(
        "A goes on from the beginning of the period at each event",
        "self._occupied * passed_ns",
        "self._occupied * (self._endpoint.now - self._began_ns)",
    ),
    Fault(
        "A counts what an event makes of it for the time before",
        "        passed_ns = self._endpoint.now - self._observed_ns\n",
        "        self._look()\n        passed_ns = self._endpoint.now - self._observed_ns\n",
    ),
    Fault("S by those in service at the end", "float(self._time_in_service)", "(float(n) * " + OVER_PERIOD + ")"),
    Fault(
        "y of the average over the time in service",
        "load = occupied_time / " + OVER_PERIOD,
        "load = occupied_time / float(self._time_in_service)",
    ),
    Fault(
        "y of the average is A per instance",
        "load = occupied_time / " + OVER_PERIOD,
        "load = occupied_time / " + OVER_PERIOD + " / n",
    ),
    Fault("y of the maximum is M over n", "float(n), float(self._greatest), n)", "float(n), self._greatest / n, n)"),
    Fault(
        "average and maximum taken for each other",
        "elif self._metric is Metric.PROVISIONED_UTILIZATION_AVERAGE",
        "elif self._metric is Metric.PROVISIONED_UTILIZATION_MAXIMUM",
    ),
    Fault("a period without instances is one that nobody used", "is_unused=n > 0)", "is_unused=True)"),
    Fault(
        "a period is used if A is not 0",
        "self._in_service, self._greatest > 0",
        "self._in_service, self._occupied_time > 0",
    ),
    Fault(
        "a period is used if anybody is there at its end",
        "self._in_service, self._greatest > 0",
        "self._in_service, self._occupied > 0",
    ),
    # What a policy makes of a period that nobody used.
    Fault("ignore holds", "point.is_unused and self._policy.missing is Missing.IGNORE", "False"),
    Fault(
        "a point that is passed over is asked for",
        "            return False\n        if point.is_unused",
        "            return True\n        if point.is_unused",
    ),
    Fault("zero holds", "point.is_unused and self._policy.missing is Missing.ZERO", "False"),
    Fault("hold is zero", "self._policy.missing is Missing.ZERO", "self._policy.missing is not Missing.IGNORE"),
    Fault(
        "an unused period is 0 to a step policy",
        "        self._points.append(point)\n",
        "        is_zero = point.is_unused and isinstance(self, Stepping)\n"
        "        self._points.append(point._replace(value=0.0) if is_zero else point)\n",
    ),
]

NEXT_SEND = "at_ns = later((yield answer), max(1, request.think_ns))"
SEND = "            yield Moment(self._endpoint.env, at_ns, Rank.ARRIVAL, number)\n"
TAKE_ROW = "            request = next(self._rows, None)\n"
ENDED = "            self.ended(attempt, ended_ns)\n"
# (In which order clients send at one instant shows nowhere: they differ in nothing but the rows that they take.)
CLOSED = [
    Fault("think time from the sending", NEXT_SEND, "at_ns = max((yield answer), later(at_ns, request.think_ns))"),
    Fault("no think time", NEXT_SEND, "at_ns = later((yield answer), 1)"),
    Fault("overhead left out", "if attempt.outcome == Outcome.COMPLETED:", "if False:"),
    Fault("overhead after every end", "if attempt.outcome == Outcome.COMPLETED:", "if True:"),
    Fault(
        "overhead before the first sending",
        "process(self._life(number, at_ns))",
        "process(self._life(number, at_ns + population.overhead_ns))",
    ),
    Fault("sent before what happens at its instant", SEND, SEND.replace("Rank.ARRIVAL", "Rank.SAMPLE")),
    Fault("sent before others try again", SEND, SEND.replace("Rank.ARRIVAL", "Rank.GIVE_UP")),
    Fault(
        "something is sent at the end",
        "while at_ns < self._population.until_ns:",
        "while at_ns <= self._population.until_ns:",
    ),
    Fault("a row is taken when the one before has ended", SEND + TAKE_ROW, TAKE_ROW + SEND),
    Fault(
        "thinks after the first attempt",
        "if attempt.next_ns == NONE and self.ended is not None:",
        "if attempt.index == 1 and self.ended is not None:",
    ),
    Fault("thinks after the release", ENDED, "            self.ended(attempt, max(ended_ns, attempt.release_ns))\n"),
    Fault(
        "a client who gave up sends no more",
        "self._answers.pop(attempt.request.number).succeed(ended_ns)",
        "self._answers.pop(attempt.request.number).succeed(ended_ns if attempt.outcome != 2 else FOREVER)",
    ),
    Fault("a request arrives when its row says", "sent = request._replace(arrival_ns=at_ns)", "sent = request"),
]
