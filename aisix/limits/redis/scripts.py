"""What runs inside Redis: each script looks and counts in one step, by the server's clock.

ADMIT   one request, all rules of all its holders: refused it counts nowhere
SETTLE  what a request has used, in the place of what was booked; its places given back
HOLD    requests that are still under way keep their places
PROBE   whether it takes writes, and has kept them

A holder's row is one value: (begin in ms, count) by the slot of its rules, packed. Its places are a
sorted set, member by the time its lease ends. All keys of one env have one hash tag: one slot, so
that a script is one step over all holders in a cluster, too.
"""

from __future__ import annotations

import hashlib

from aisix.limits.rules import LIMIT_KINDS
from aisix.limits.shared import BUSY, MOST

SPARE_MS = 5000  # a row is kept so long after its last window
AHEAD_MS = 1000  # a window that begins later than this from now was begun by another clock
_LENGTHS = ",".join(str(seconds * 1000) for _, seconds in LIMIT_KINDS.values())
_EMPTY = ",".join(["0"] * 2 * len(LIMIT_KINDS))

_ROWS = f"""
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local LENGTHS = {{{_LENGTHS}}}
local function row_of(key)
  local text = redis.call('GET', key)
  return text and cmsgpack.unpack(text) or {{{_EMPTY}}}
end
local function keep(key, row)
  local left = 0
  for slot = 1, {len(LIMIT_KINDS)} do
    if row[2 * slot] > 0 then
      left = math.max(left, math.min(row[2 * slot - 1], now) + LENGTHS[slot] - now)
    end
  end
  redis.call('SET', key, cmsgpack.pack(row), 'PX', string.format('%.0f', left + {SPARE_MS}))
end
local function window(row, slot, ms)
  local begin, count = row[2 * slot + 1], row[2 * slot + 2]
  if count > 0 and now < begin + ms and begin <= now + {AHEAD_MS} then return begin, count end
  return now, 0
end
local MOST = {MOST:.0f}
"""

# KEYS: rows and sets of places as the plan numbers them.
# ARGV: plan, member, lease in ms, tokens. The plan has for each holder {row, places, rules}; a rule
# is {slot, kind, ms, most}; kind 0 counts requests, 1 tokens, 2 places.
# Answers {granted, holder, rule, wait in ms, now, [count, begin of each rule that has a window]}.
ADMIT = f"""{_ROWS}
local plan, member, lease = cmsgpack.unpack(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local tokens = math.min(tonumber(ARGV[4]), MOST)
local rows, wait, holder, rule = {{}}, 0, 0, 0
local function longest(ms, i, j)
  if ms > wait then wait, holder, rule = ms, i, j end
end
for i, one in ipairs(plan) do
  local row = one[1] > 0 and row_of(KEYS[one[1]])
  rows[i] = row
  for j, r in ipairs(one[3]) do
    if r[2] == 2 then
      redis.call('ZREMRANGEBYSCORE', KEYS[one[2]], '-inf', string.format('%.0f', now))
      if redis.call('ZCARD', KEYS[one[2]]) >= r[4] then longest({BUSY * 1000:.0f}, i, j) end
    else
      local begin, count = window(row, r[1], r[3])
      if count >= r[4] then longest(math.min(begin - now, 0) + r[3], i, j) end
    end
  end
end
local out = {{wait == 0 and 1 or 0, holder, rule, wait, now}}
for i, one in ipairs(plan) do
  local row, changed = rows[i], false
  for _, r in ipairs(one[3]) do
    if r[2] == 2 then
      if wait == 0 then
        redis.call('ZADD', KEYS[one[2]], string.format('%.0f', now + lease), member)
        redis.call('PEXPIRE', KEYS[one[2]], string.format('%.0f', lease + {SPARE_MS}))
      end
    else
      local begin, count = window(row, r[1], r[3])
      local more = 0
      if wait == 0 then
        if r[2] == 0 then count = count + 1 else more = tokens end
        if r[2] == 0 or more > 0 then
          changed = true
          row[2 * r[1] + 1], row[2 * r[1] + 2] = begin, math.min(count + more, MOST)
        end
      end
      out[#out + 1] = count
      out[#out + 1] = begin
    end
  end
  if changed then keep(KEYS[one[1]], row) end
end
return out
"""

# KEYS: rows, then sets of places.
# ARGV: member ("": it keeps its places), tokens more than are booked, number of rows, and for each
# row how many rules and for each rule slot, ms, begin and tokens of what was booked.
# Answers {begin, tokens booked of each rule}.
SETTLE = f"""{_ROWS}
local more, rows, at, out = tonumber(ARGV[2]), tonumber(ARGV[3]), 4, {{}}
for i = 1, rows do
  local row, changed = row_of(KEYS[i]), false
  local last = at + 4 * tonumber(ARGV[at])
  for r = at + 1, last, 4 do
    local slot, ms = tonumber(ARGV[r]), tonumber(ARGV[r + 1])
    local mine, had = tonumber(ARGV[r + 2]), tonumber(ARGV[r + 3])
    local begin, count = window(row, slot, ms)
    if begin ~= mine then had = 0 end
    local change = math.max(math.min(more, MOST), -had)
    if change ~= 0 then
      changed = true
      row[2 * slot + 1], row[2 * slot + 2] = begin, math.min(math.max(0, count + change), MOST)
      mine, had = begin, had + change
    end
    out[#out + 1] = mine
    out[#out + 1] = had
  end
  if changed then keep(KEYS[i], row) end
  at = last + 1
end
if ARGV[1] ~= '' then
  for i = rows + 1, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
end
return out
"""

# KEYS: sets of places. ARGV: lease in ms, then for each set how many members, and those.
HOLD = f"""
local t = redis.call('TIME')
local lease = tonumber(ARGV[1])
local ends = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000) + lease)
local at = 2
for i = 1, #KEYS do
  local last = at + tonumber(ARGV[at])
  for member = at + 1, last do redis.call('ZADD', KEYS[i], ends, ARGV[member]) end
  redis.call('PEXPIRE', KEYS[i], string.format('%.0f', lease + {SPARE_MS}))
  at = last + 1
end
return #KEYS
"""

# KEYS: a key of ours. ARGV: what is to stand there if nothing does. Answers {what stands there,
# now}: another than before says that Redis has lost all meanwhile.
PROBE = """
local mark = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], mark)
return {mark, redis.call('TIME')[1]}
"""

SCRIPTS = (ADMIT, SETTLE, HOLD, PROBE)


def sha(script: str) -> bytes:
    """The name Redis has for it."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest().encode()
