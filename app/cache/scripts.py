"""Lua that Redis runs atomically. Every key is declared; both keys of a user share one slot.

A value of `tf:{..}:state` begins with a header of 24 bytes (`app.cache.user_codec`): 4 magic,
2 layout, 1 kind, 1 mode, then the stamp that orders states: when the user was created (float64) and
the revision (int64). A value with another magic or layout counts as no value.
"""

_ORDER = """
local function stamp(value)
  local born, revision = struct.unpack('<di8', value, 9)
  return born, revision
end
local function is_newer(kept, offered)
  if #kept < 24 or string.sub(kept, 1, 6) ~= string.sub(offered, 1, 6) then return false end
  local kept_born, kept_revision = stamp(kept)
  local born, revision = stamp(offered)
  return kept_born > born or (kept_born == born and kept_revision > revision)
end
"""

STORE_STATE = (
    _ORDER
    + """
-- KEYS: state, vector. ARGV: value, time to live in ms, whether the vector goes.
if is_newer(redis.call('GETRANGE', KEYS[1], 0, 23), ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if ARGV[3] == '1' then redis.call('DEL', KEYS[2]) end
return 1
"""
)

STORE_VECTOR = (
    _ORDER
    + """
-- KEYS: state, vector. ARGV: a floor with the stamp that the writer saw, value, time to live in ms.
if is_newer(redis.call('GETRANGE', KEYS[1], 0, 23), ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
"""
)

ADMIT_PROOF = """
-- KEYS: used proofs of the present window; those of the window that the proof's nonce names, if it
-- is ours. ARGV: a fresh epoch, life of a memory in s, the nonce's epoch, id of the proof.
-- Answers the epoch of the present window, and what becomes of the proof.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local function epoch_of(key)
  local kept = redis.call('HMGET', key, 'epoch', 'run')
  if kept[1] and kept[2] == run then return kept[1] end
  redis.call('DEL', key)
  redis.call('HSET', key, 'epoch', ARGV[1], 'run', run)
  redis.call('EXPIRE', key, ARGV[2])
  return ARGV[1]
end
local present = epoch_of(KEYS[1])
if not KEYS[2] or epoch_of(KEYS[2]) ~= ARGV[3] then return {present, 'void'} end
if redis.call('HSETNX', KEYS[2], ARGV[4], '') == 1 then return {present, 'new'} end
return {present, 'used'}
"""
