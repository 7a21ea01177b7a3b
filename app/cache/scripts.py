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
