"""Misreadings of quotas, jobs, models that share instances, and accounts (model.md 4.6, 4.7, 7.1, 7.2)."""

from __future__ import annotations

from tests.engines.mutating import Fault

LETS_THROUGH = "        if not (self.requests.has(self.now, 1) and self.tokens.has(self.now, reserved)):\n"
TAKES_REQUEST = "        self.requests.add(self.now, -1)\n"
TAKES_TOKENS = "        self.tokens.add(self.now, -reserved)\n"
USED = "request.tokens_in + request.tokens_out * self.quota.burndown"
RELEASED = "        yield Moment(self.env, release_ns, Rank.RELEASE, request.number, attempt.index)\n        used = "
FLOWS = "self._per_minute * (now_ns - self._level_of_ns)"
RESERVED = "request.tokens_in + self.quota.max_tokens"
COMES_BACK = "        self._fill(now_ns)\n        self._level = min(self._full, self._level + tokens * MINUTE_NS)\n"
#: (That a bucket may hold more for a moment shows nowhere: it is cut off at the next look.)
QUOTA = [
    Fault(
        "who timed out used no output",
        USED,
        "request.tokens_in + request.tokens_out * self.quota.burndown * (attempt.response_ns == attempt.release_ns)",
    ),
    Fault("settled when it starts", RELEASED, RELEASED.replace("release_ns", "self.now")),
    Fault("settled at the response", RELEASED, RELEASED.replace("release_ns", "attempt.response_ns")),
    Fault("settled after arrivals", RELEASED, RELEASED.replace("Rank.RELEASE", "Rank.ARRIVAL")),
    Fault("never settled", "self.tokens.add(self.now, reserved - used)", "self.tokens.add(self.now, 0)"),
    Fault(
        "settled upwards only",
        "self.tokens.add(self.now, reserved - used)",
        "self.tokens.add(self.now, max(0, reserved - used))",
    ),
    Fault(
        "a request comes back at the release",
        "self.tokens.add(self.now, reserved - used)",
        "self.tokens.add(self.now, reserved - used)\n        self.requests.add(self.now, 1)",
    ),
    Fault("input burns down, too", USED, "(request.tokens_in + request.tokens_out) * self.quota.burndown"),
    Fault("output burns down once", USED, "request.tokens_in + request.tokens_out"),
    Fault("input is not used up", USED, "request.tokens_out * self.quota.burndown"),
    Fault("input is not reserved", RESERVED, "self.quota.max_tokens"),
    Fault("reserved at the burndown", RESERVED, "request.tokens_in + self.quota.max_tokens * self.quota.burndown"),
    Fault("reserved by the output that will come", RESERVED, "request.tokens_in + request.tokens_out"),
    Fault(
        "more flows in than a bucket holds", "min(self._full, self._level + " + FLOWS + ")", "self._level + " + FLOWS
    ),
    Fault(
        "what flows in is cut off only with what comes back",
        COMES_BACK,
        "        flowed = self._per_minute * (now_ns - self._level_of_ns)\n"
        "        self._level = min(self._full, self._level + flowed + tokens * MINUTE_NS)\n"
        "        self._level_of_ns = now_ns\n",
    ),
    Fault(
        "nothing comes back where it runs over",
        COMES_BACK,
        "        self._fill(now_ns)\n"
        "        more = self._level + tokens * MINUTE_NS\n"
        "        self._level = more if more <= self._full else self._level\n",
    ),
    Fault(
        "a bucket is never below 0",
        "min(self._full, self._level + tokens * MINUTE_NS)",
        "max(0, min(self._full, self._level + tokens * MINUTE_NS))",
    ),
    Fault("whole tokens flow in", FLOWS, FLOWS + " // MINUTE_NS * MINUTE_NS"),
    Fault(
        "full again at the turn of a minute, and nothing between",
        "min(self._full, self._level + " + FLOWS + ")",
        "self._full if now_ns // MINUTE_NS > self._level_of_ns // MINUTE_NS else self._level",
    ),
    Fault(
        "a bucket begins empty",
        "self._level = self._full = per_minute * MINUTE_NS",
        "self._level, self._full = 0, per_minute * MINUTE_NS",
    ),
    Fault("more is needed than is taken", "self._level >= tokens * MINUTE_NS", "self._level > tokens * MINUTE_NS"),
    Fault(
        "a request is taken though tokens are missing",
        LETS_THROUGH,
        "        has_request = self.requests.has(self.now, 1)\n"
        "        self.requests.add(self.now, -has_request)\n"
        "        if not (has_request and self.tokens.has(self.now, reserved)):\n",
        ((TAKES_REQUEST, ""),),
    ),
    Fault(
        "tokens are taken though a request is missing",
        LETS_THROUGH,
        "        has_tokens = self.tokens.has(self.now, reserved)\n"
        "        self.tokens.add(self.now, -reserved * has_tokens)\n"
        "        if not (has_tokens and self.requests.has(self.now, 1)):\n",
        ((TAKES_TOKENS, ""),),
    ),
    Fault("either is enough", "self.requests.has(self.now, 1) and self", "self.requests.has(self.now, 1) or self"),
]

JOB_IS_OVER = "        if job.left == 0 and job.starting == 0:\n"
ALL_GONE = "            self.count(-len(job.instances))\n"
TELL_LATER = (
    "        moment = Moment(self.env, self.now, Rank.SCALE, 1)  # after the beginning of a job, which is 0\n"
    "        moment.callbacks.append(lambda _: self.tell())\n"
)
JOB_TAKES = "        while job.queue and instance.busy < self.pool.places:\n"
STARTED = "Rank.READY, instance.number)\n        job.starting -= 1"
BEGINS = "        yield Moment(self.env, begins_ns, Rank.SCALE)\n"
JOBS = [
    Fault(
        "a job begins once none is at work",
        BEGINS,
        BEGINS
        + "        while self.instances_now > 0:\n"
        + "            yield Moment(self.env, self.now + self.jobs.interval_ns, Rank.SCALE)\n",
    ),
    Fault(
        "a job goes on with what has come meanwhile",
        JOB_TAKES,
        "        if not job.queue and self.gathered:\n"
        "            job.queue, job.left, self.gathered = self.gathered, job.left + len(self.gathered), {}\n"
        + JOB_TAKES,
        ((BEGINS, BEGINS + "        if not self.gathered:\n            return\n"),),
    ),
    Fault(
        "a job takes who comes at its beginning",
        "(self.now - self.jobs.first_ns) // self.jobs.interval_ns + 1",
        "-((self.jobs.first_ns - self.now) // self.jobs.interval_ns)",
    ),
    Fault("the first job an interval later", "max(0, begun)", "max(1, begun)"),
    Fault(
        "the next job an interval after the one before",
        "self.jobs.first_ns + max(0, begun) * self.jobs.interval_ns",
        "max(self.jobs.first_ns, self.now + self.jobs.interval_ns)",
    ),
    Fault(
        "instances are gone one by one",
        JOB_IS_OVER,
        "        if not job.queue and instance.busy == 0:\n"
        "            instance.gone_ns = min(instance.gone_ns, self.now)\n" + JOB_IS_OVER,
        (("                one.gone_ns = self.now\n", "                one.gone_ns = min(one.gone_ns, self.now)\n"),),
    ),
    Fault(
        "instances are gone though one is not ready",
        JOB_IS_OVER,
        "        if job.left == 0 and job.instances:\n",
        ((ALL_GONE, ALL_GONE + "            job.instances = []\n"),),
    ),
    Fault(
        "instances are gone when the last is taken",
        JOB_IS_OVER,
        "        if not job.queue and job.starting == 0 and job.instances:\n",
        ((ALL_GONE, ALL_GONE + "            job.instances = []\n"),),
    ),
    Fault("one that is ready takes one request", JOB_TAKES, JOB_TAKES.replace("while", "if")),
    Fault("one that is ready takes all there are", JOB_TAKES, "        while job.queue:\n"),
    Fault(
        "last come, first served", "job.queue.pop(next(iter(job.queue)))", "job.queue.pop(next(reversed(job.queue)))"
    ),
    Fault(
        "launch times begin anew with each job",
        "self._times_ns[number]",
        "self._times_ns[number % self.jobs.instances]",
    ),
    Fault("a row for each end and beginning", TELL_LATER, "        self.tell()\n"),
    Fault("a row though the number is the same", "if self.instances_now != self.instances_told:", "if True:"),
    Fault(
        "counted when ready",
        STARTED,
        STARTED + "\n        self.count(1)",
        (("        self.count(len(instances))\n", ""),),
    ),
    Fault(
        "of several that are ready the highest number first",
        STARTED,
        STARTED.replace("instance.number)", "2**40 - instance.number)"),
    ),
    Fault("ready before releases", STARTED, STARTED.replace("READY", "SAMPLE")),
    Fault(
        "a job begins after arrivals",
        "yield Moment(self.env, begins_ns, Rank.SCALE)",
        "yield Moment(self.env, begins_ns, Rank.ARRIVAL + 1)",
    ),
]

USES = "        instance.used[model] = next(self.numbers)\n"
LOADS = (
    "        if model not in instance.loaded_ns:\n"
    "            self.load(instance, model)\n"
    "            attempt.is_cold = True\n"
)
IS_FULL = (
    "        if instance.busy == self.pool.places and len(instance.queue) >= self.pool.queue_limit:\n"
    "            self.throttle(attempt, Reason.QUEUE_FULL)\n"
    "            return\n"
)
UNLOADS = "            del instance.loaded_ns[instance.least_recently_used(self.unused(instance))]\n"
COPY = "if is_busy and first is not None and first.outstanding < holder.outstanding:"
ORDER = "return has_to_unload, instance.outstanding, -free, instance.number"
UNUSED = "[model for model in instance.loaded_ns if instance.outstanding_for[model] == 0]"
SHARED_MODELS = [
    # Routing.
    Fault("a copy without fewer outstanding", COPY, "if is_busy and first is not None:"),
    Fault("a copy where as many are outstanding", COPY, COPY.replace("<", "<=")),
    Fault(
        "a copy only where nothing is unloaded",
        COPY,
        COPY.replace("and first.out", "and not self.order(first, model)[0] and first.out"),
    ),
    Fault(
        "a copy from one request more",
        "holder.outstanding >= self.models.copies_from",
        "holder.outstanding > self.models.copies_from",
    ),
    Fault(
        "a copy by the requests for that model",
        "holder.outstanding >= self.models.copies_from",
        "holder.outstanding_for[model] >= self.models.copies_from",
    ),
    Fault(
        "a copy by the requests that wait",
        "holder.outstanding >= self.models.copies_from",
        "len(holder.queue) >= self.models.copies_from",
    ),
    Fault(
        "of those that hold it the lowest number",
        "min(holders, key=lambda one: (one.outstanding, one.number))",
        "holders[0]",
    ),
    Fault(
        "of those that hold it the highest number", "(one.outstanding, one.number))", "(one.outstanding, -one.number))"
    ),
    Fault(
        "fewest outstanding before where nothing is unloaded",
        ORDER,
        "return instance.outstanding, has_to_unload, -free, instance.number",
    ),
    Fault(
        "most free memory before fewest outstanding",
        ORDER,
        "return has_to_unload, -free, instance.outstanding, instance.number",
    ),
    Fault("least free memory", ORDER, ORDER.replace("-free", "free")),
    Fault("free memory does not matter", ORDER, ORDER.replace("-free", "0")),
    Fault("highest number", ORDER, ORDER.replace("instance.number", "-instance.number")),
    Fault(
        "room is free memory",
        "self.free_bytes(instance) + self.bytes_of(self.unused(instance))",
        "self.free_bytes(instance)",
    ),
    Fault(
        "room is all of the memory",
        "self.free_bytes(instance) + self.bytes_of(self.unused(instance))",
        "self.models.memory_bytes",
    ),
    Fault(
        "no room is a full queue",
        "Reason.NO_CAPACITY)\n            return\n        if instance.busy",
        "Reason.QUEUE_FULL)\n            return\n        if instance.busy",
    ),
    Fault(
        "who waits is not outstanding",
        "        instance.outstanding_for[model] += 1\n"
        "        has_worker = yield from self.wait_for_worker(attempt, instance)\n"
        "        if has_worker:\n",
        "        has_worker = yield from self.wait_for_worker(attempt, instance)\n"
        "        if has_worker:\n"
        "            instance.outstanding_for[model] += 1\n",
        (
            (
                "        instance.outstanding_for[model] -= 1\n",
                "        instance.outstanding_for[model] -= has_worker\n",
            ),
        ),
    ),
    # The queue.
    Fault(
        "nobody may start where nobody may wait",
        "if instance.busy == self.pool.places and len(instance.queue) >=",
        "if len(instance.queue) >=",
    ),
    Fault(
        "a full queue still loads",
        IS_FULL + LOADS,
        LOADS.replace(
            "            attempt.is_cold = True\n",
            "            is_cold = True\n        else:\n            is_cold = False\n",
        )
        + "            instance.used.setdefault(model, next(self.numbers))\n"
        + IS_FULL
        + "        attempt.is_cold = is_cold\n",
    ),
    Fault(
        "who is turned away at the queue has used its model",
        IS_FULL,
        "        if model in instance.loaded_ns:\n    " + USES + IS_FULL,
    ),
    Fault(
        "last come, first served",
        "instance.queue.pop(next(iter(instance.queue))).succeed(instance)\n        else",
        "instance.queue.pop(next(reversed(instance.queue))).succeed(instance)\n        else",
    ),
    # Memory and disk.
    Fault(
        "least recently loaded",
        "            attempt.is_cold = True\n" + USES,
        "            attempt.is_cold = True\n    " + USES,
    ),
    Fault(
        "most recently used",
        "return min(models, key=lambda model: self.used[model])",
        "return max(models, key=lambda model: self.used[model])",
    ),
    Fault("the lowest model", "return min(models, key=lambda model: self.used[model])", "return min(models)"),
    Fault(
        "the largest model first",
        UNLOADS,
        "            del instance.loaded_ns[max(self.unused(instance), key=self.models.sizes_bytes.__getitem__)]\n",
    ),
    Fault("a model in use is unloaded", UNUSED, "list(instance.loaded_ns)"),
    Fault(
        "a model that is still loaded is not unloaded",
        UNUSED,
        UNUSED.replace("== 0]", "== 0 and instance.loaded_ns[model] <= self.now]"),
    ),
    Fault(
        "all that are not in use are unloaded",
        UNLOADS,
        "            for one in self.unused(instance):\n                del instance.loaded_ns[one]\n",
    ),
    Fault(
        "what is unloaded is deleted",
        UNLOADS,
        "            gone = instance.least_recently_used(self.unused(instance))\n"
        "            del instance.loaded_ns[gone]\n"
        "            instance.on_disk.discard(gone)\n",
    ),
    Fault("always from remote storage", "if model not in instance.on_disk:", "if True:"),
    Fault(
        "on the disk of one, on the disk of all",
        "if model not in instance.on_disk:",
        "if not any(model in one.on_disk for one in self.instances):",
    ),
    Fault(
        "download alone where it is not on the disk",
        "        instance.loaded_ns[model] = later(from_ns, self.models.load_ns[model])\n",
        "        load_ns = self.models.load_ns[model] if from_ns == self.now else 0\n"
        "        instance.loaded_ns[model] = later(from_ns, load_ns)\n",
    ),
    Fault(
        "models in memory are deleted",
        "not_in_memory = instance.on_disk - instance.loaded_ns.keys()",
        "not_in_memory = instance.on_disk - {model}",
    ),
    Fault("a disk without end", "while self.bytes_of(instance.on_disk) > self.models.disk_bytes:", "while False:"),
    Fault(
        "models in memory take no disk",
        "while self.bytes_of(instance.on_disk) > self.models.disk_bytes:",
        "while self.bytes_of(instance.on_disk - instance.loaded_ns.keys()) > self.models.disk_bytes:",
    ),
    # Service.
    Fault(
        "served before the model is there", "start_ns = max(self.now, instance.loaded_ns[model])", "start_ns = self.now"
    ),
    Fault(
        "loaded once a worker is free",
        "start_ns = max(self.now, instance.loaded_ns[model])",
        "start_ns = self.now + attempt.is_cold * max(0, instance.loaded_ns[model] - attempt.at_ns)",
    ),
    Fault(
        "whoever waits for a model is cold",
        USES,
        USES + "        attempt.is_cold = attempt.is_cold or instance.loaded_ns[model] > self.now\n",
    ),
    Fault(
        "what comes from the disk is not cold",
        "            self.load(instance, model)\n            attempt.is_cold = True\n",
        "            attempt.is_cold = model not in instance.on_disk\n            self.load(instance, model)\n",
    ),
]

COUNTED = "return self.occupied + len(self.standing.idle)"
AT_LIMIT = "if self._account.is_full and not self.standing.idle:"
BY_RANK = "ranked = rank * self._pools + self._number"
ACCOUNT = [
    Fault(
        "places on demand alone are counted",
        COUNTED,
        "return self.occupied - self.pool.standing + len(self.standing.idle)",
    ),
    Fault("idle provisioned ones are not counted", COUNTED, "return self.occupied"),
    Fault("idle ones on demand are counted", COUNTED, COUNTED + " + len(self.on_demand.idle)"),
    Fault(
        "a startup is not counted",
        COUNTED,
        COUNTED + " - sum(one.ready_ns > self.now for one in self.ledger._living.values())",
    ),
    Fault("an idle provisioned one is turned away", AT_LIMIT, "if self._account.is_full:"),
    Fault(
        "an idle one on demand serves at the limit", AT_LIMIT, AT_LIMIT.replace(":", " and not self.on_demand.idle:")
    ),
    Fault("a second attempt is let through", AT_LIMIT, AT_LIMIT.replace("if ", "if attempt.index == 1 and ")),
    Fault(
        "one more than the limit",
        "for member in self._members) >= self._limit",
        "for member in self._members) > self._limit",
    ),
    Fault("a limit for each pool", "if self._account.is_full and", "if self.counted >= self._account._limit and"),
    Fault(
        "a full account is a rate",
        "            self.throttle(attempt, Reason.CONCURRENCY)\n            return\n        yield from",
        "            self.throttle(attempt, Reason.RATE)\n            return\n        yield from",
    ),
    Fault("the last pool first", BY_RANK, "ranked = rank * self._pools + self._pools - 1 - self._number"),
    Fault("pools before ranks", BY_RANK, "ranked = self._number * 100 + rank"),
    Fault(
        "numbers before pools",
        "            ranked = rank * self._pools + self._number\n"
        "            priority = EventPriority(ranked * Moment.BEYOND_IDS * Moment.BEYOND_ATTEMPTS + rest)\n",
        "            priority = EventPriority(priority * self._pools + self._number)\n",
    ),
    Fault("a warm start when it is first fed", "NONE, retired_ns - self.now)", "NONE, first.idle_timeout_ns)"),
]
