import { createHash } from "node:crypto";

/** A Lua script; run by hash, sent whole when the server does not know it. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

function script(source: string): Script {
  return { source, sha: createHash("sha1").update(source).digest("hex") };
}

/**
 * Makes a block of the live list, whole if that is at most `most` chunks of n records (no byte moves), else of its first n.
 * The order matters: PERSIST first, because a script whose first write is allowed when out of memory may do the rest; the
 * descriptors before the move, because a refusal there loses nothing. Answers how many records were claimed and how many
 * are left; a block of this name that is there already is not touched.
 *
 * Where the clock was set back, ids count on from the last one. Were that Redis then replaced by a replica that lacked some, it
 * would give the same ids to other chunks, and who still held the lost ones would acknowledge those: so the count leaps, up to
 * a million further, as the block's id says.
 */
export const CLAIM = script(`-- KEYS live, log, block   ARGV n, id, 'sort'|'copy', most
local len=redis.call('LLEN',KEYS[1]); if len==0 then return {0,0} end
if redis.call('EXISTS',KEYS[3])==1 then return {0,len} end
local n=tonumber(ARGV[1]); local whole=len<=n*tonumber(ARGV[4]); local size=whole and len or n
redis.call('PERSIST',KEYS[1])
local last=redis.call('XREVRANGE',KEYS[2],'+','-','COUNT',1)
local t=last[1] and tonumber(last[1][2][6]) or 0
local behind=size
local function add(id,m) return redis.call('XADD',KEYS[2],id,'c',ARGV[2],'n',m,'t',t,'b',behind) end
while behind>0 do local first=behind==size; local m=math.min(behind,n); behind=behind-m; t=t+m
  local id=add('*',m); if first then local ms,seq=string.match(id,'(%d+)-(%d+)'); local now=redis.call('TIME')
    if tonumber(ms)>now[1]*1000+math.floor(now[2]/1000) then redis.call('XDEL',KEYS[2],id)
      add(ms..'-'..string.format('%.0f',seq+1+tonumber(string.sub(redis.sha1hex(ARGV[2]),1,5),16)),m) end end end
if whole then redis.call('RENAME',KEYS[1],KEYS[3])
elseif ARGV[3]=='sort' then redis.call('SORT',KEYS[1],'BY','nosort','LIMIT',0,n,'STORE',KEYS[3]); redis.call('LTRIM',KEYS[1],n,-1)
else redis.call('RPUSH',KEYS[3],unpack(redis.call('LRANGE',KEYS[1],0,n-1))); redis.call('LTRIM',KEYS[1],n,-1) end
return {size,len-size}`);

/**
 * Tells of sinks, and makes their groups where there are none. PERSIST first, as in CLAIM: what waits in a Redis that is out
 * of memory can then be delivered.
 */
export const GROUPS = script(`-- KEYS live, log, sinks  ARGV (sink, registration)...
redis.call('PERSIST',KEYS[1])
for i=1,#ARGV,2 do redis.call('HSET',KEYS[3],ARGV[i],ARGV[i+1])
  local r=redis.pcall('XGROUP','CREATE',KEYS[2],ARGV[i],'0','MKSTREAM')
  if r.err and not string.find(r.err,'BUSYGROUP') then return r end end
return #ARGV/2`);

/** Renews what is still ours (XCLAIM alone does not ask whose it is); answers what is not. */
export const EXTEND = script(`-- KEYS log  ARGV sink, me, id...
local lost={} for i=3,#ARGV do if #redis.call('XPENDING',KEYS[1],ARGV[1],ARGV[i],ARGV[i],1,ARGV[2])==1
  then redis.call('XCLAIM',KEYS[1],ARGV[1],ARGV[2],0,ARGV[i],'JUSTID') else lost[#lost+1]=ARGV[i] end end return lost`);

/** Takes a seat that is free or ours, for so long. */
export const HOLD = script(`-- KEYS seat  ARGV me, ms
local at=redis.call('GET',KEYS[1]); if at and at~=ARGV[1] then return 0 end
redis.call('SET',KEYS[1],ARGV[1],'PX',ARGV[2]) return 1`);

export const LEAVE = script(`-- KEYS seat  ARGV me
if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0`);

/** The consumer that holds what was handed back. */
export const FREE = "~free";

/** Hands what is ours back, idle for an hour and uncounted, so that the next takeover has it. */
export const RELEASE = script(`-- KEYS log  ARGV sink, me, id...
local freed=0 for i=3,#ARGV do local p=redis.call('XPENDING',KEYS[1],ARGV[1],ARGV[i],ARGV[i],1,ARGV[2])
  if #p==1 then freed=freed+1; redis.call('XCLAIM',KEYS[1],ARGV[1],'${FREE}',0,ARGV[i],'IDLE',3600000,
    'RETRYCOUNT',math.max(p[1][4]-1,0),'JUSTID') end end return freed`);

/**
 * Deletes descriptors and what they described: of each block the last `keep` records stay. A script, since a full Redis
 * refuses to queue anything in a MULTI. A foreign value under a block's name is let alone.
 */
export const DELETE = script(`-- KEYS log, block...  ARGV keep..., id...
local blocks=#KEYS-1
for i=1,blocks do if ARGV[i]=='0' then redis.call('UNLINK',KEYS[i+1]) else redis.pcall('LTRIM',KEYS[i+1],-ARGV[i],-1) end end
return redis.call('XDEL',KEYS[1],unpack(ARGV,blocks+1))`);

/**
 * Copies records of a chunk into the dead letters and counts them. `start`: of the chunk, from its block's tail, so below
 * zero. Answers the ids, empty where a record was not found.
 */
export const REJECT = script(`-- KEYS log, block, dead, letters  ARGV sink, chunk, start, (index, reason)...
redis.call('PERSIST',KEYS[1])
local ids={} for i=4,#ARGV,2 do local raw=redis.call('LINDEX',KEYS[2],ARGV[3]+ARGV[i]); local id=''
  if raw then id=redis.call('XADD',KEYS[3],'*','sink',ARGV[1],'chunk',ARGV[2],'index',ARGV[i],'reason',ARGV[i+1],'raw',raw)
    redis.call('HINCRBY',KEYS[4],'n:'..ARGV[1],1); redis.call('HINCRBY',KEYS[4],'b:'..ARGV[1],#raw) end
  ids[#ids+1]=id end
return ids`);

/** Adds letters that are given whole, and counts them; answers their ids. */
export const ADD_LETTERS = script(`-- KEYS log, dead, letters  ARGV sink, (chunk, index, reason, raw)...
redis.call('PERSIST',KEYS[1])
local ids={} for i=2,#ARGV,4 do
  ids[#ids+1]=redis.call('XADD',KEYS[2],'*','sink',ARGV[1],'chunk',ARGV[i],'index',ARGV[i+1],'reason',ARGV[i+2],'raw',ARGV[i+3])
  redis.call('HINCRBY',KEYS[3],'n:'..ARGV[1],1); redis.call('HINCRBY',KEYS[3],'b:'..ARGV[1],#ARGV[i+3]) end
return ids`);

/**
 * Makes a group of another name that begins at the first chunk that the old one is not done with, and ends the old one.
 * Answers 1; 0: there is no such group; -1: the new name is taken.
 */
export const RENAME_SINK = script(`-- KEYS log, sinks  ARGV from, to
if redis.call('EXISTS',KEYS[1])==0 then return 0 end
redis.call('PERSIST',KEYS[1])
local at
for _,g in ipairs(redis.call('XINFO','GROUPS',KEYS[1])) do local f={}
  for i=1,#g,2 do f[g[i]]=g[i+1] end
  if f.name==ARGV[2] then return -1 end
  if f.name==ARGV[1] then at=f['last-delivered-id'] end end
if not at then return 0 end
local held=redis.call('XPENDING',KEYS[1],ARGV[1],'-','+',1)[1]
if held then local ms,seq=string.match(held[1],'(%d+)-(%d+)')
  -- Numbers of Lua are exact up to 2^53: a sequence of that length is nobody's, also where it leaps.
  if seq~='0' then at=ms..'-'..string.format('%.0f',tonumber(seq)-1)
  else at=string.format('%.0f',tonumber(ms)-1)..'-18446744073709551615' end end
redis.call('XGROUP','CREATE',KEYS[1],ARGV[2],at)
local known=redis.call('HMGET',KEYS[2],ARGV[1])[1]
if known then redis.call('HSET',KEYS[2],ARGV[2],known); redis.call('HDEL',KEYS[2],ARGV[1]) end
redis.call('XGROUP','DESTROY',KEYS[1],ARGV[1])
return 1`);

/** Forgets consumers that hold nothing and were not seen for so long. Deleted with something in hand, that would be lost. */
export const TIDY = script(`-- KEYS log  ARGV group, ms
local n=0 for _,c in ipairs(redis.call('XINFO','CONSUMERS',KEYS[1],ARGV[1])) do local f={}
  for i=1,#c,2 do f[c[i]]=c[i+1] end
  if f.pending==0 and f.idle>=tonumber(ARGV[2]) then n=n+1; redis.call('XGROUP','DELCONSUMER',KEYS[1],ARGV[1],f.name) end end
return n`);

/** Letters from an id on, without their records. A foreign entry has empty fields. */
export const LIST_LETTERS = script(`-- KEYS dead  ARGV from, limit
local found={} for i,e in ipairs(redis.call('XRANGE',KEYS[1],ARGV[1],'+','COUNT',ARGV[2])) do local f=e[2]
  found[i]={e[1],f[2] or '',f[4] or '',f[6] or '',f[8] or '',#(f[10] or '')} end
return found`);

/** Puts letters behind all others, with another reason. PERSIST first, as in CLAIM. */
export const REPLACE_LETTERS = script(`-- KEYS log, dead  ARGV (id, reason)...
redis.call('PERSIST',KEYS[1])
local ids={} for i=1,#ARGV,2 do local e=redis.call('XRANGE',KEYS[2],ARGV[i],ARGV[i])[1]; local id=''
  if e then local f=e[2]; id=redis.call('XADD',KEYS[2],'*','sink',f[2],'chunk',f[4],'index',f[6],'reason',ARGV[i+1],'raw',f[10])
    redis.call('XDEL',KEYS[2],ARGV[i]) end
  ids[#ids+1]=id end
return ids`);

/** Deletes letters and uncounts them. */
export const DROP_LETTERS = script(`-- KEYS dead, letters  ARGV id...
local dropped=0 for i=1,#ARGV do local e=redis.call('XRANGE',KEYS[1],ARGV[i],ARGV[i])[1]
  if e and redis.call('XDEL',KEYS[1],ARGV[i])==1 then dropped=dropped+1; local sink,raw=e[2][2],e[2][10]
    redis.call('HINCRBY',KEYS[2],'n:'..sink,-1)
    redis.call('HINCRBY',KEYS[2],'b:'..sink,-#raw) end end
return dropped`);

/**
 * Tries each command that the log needs, on scratch keys that it deletes again; answers those that were refused, as
 * "COMMAND: error". SORT is not among the needed: without it a claim copies.
 */
export const PROBE = script(`-- KEYS a, b, log
local refused={}
local function try(...) local r=redis.pcall(...)
  if type(r)=='table' and r.err then refused[#refused+1]=select(1,...)..': '..r.err end return r end
try('PERSIST',KEYS[1]); try('EXISTS',KEYS[1]); try('LLEN',KEYS[1]); try('RENAME',KEYS[1],KEYS[2])
if refused[#refused] and string.find(refused[#refused],'no such key') then refused[#refused]=nil end
try('SORT',KEYS[1],'BY','nosort','LIMIT',0,1,'STORE',KEYS[2])
try('LRANGE',KEYS[1],0,0); try('LTRIM',KEYS[1],1,0); try('LINDEX',KEYS[1],0)
try('HSET',KEYS[2],'f','v'); try('HGETALL',KEYS[2]); try('HMGET',KEYS[2],'f'); try('HINCRBY',KEYS[2],'n',1); try('HDEL',KEYS[2],'f')
local id=try('XADD',KEYS[3],'*','f','v'); if type(id)~='string' then id='1-1' end
try('XGROUP','CREATE',KEYS[3],'g','0','MKSTREAM'); try('XINFO','GROUPS',KEYS[3])
try('XREADGROUP','GROUP','g','c','COUNT',1,'STREAMS',KEYS[3],'>')
try('XPENDING',KEYS[3],'g','-','+',1); try('XCLAIM',KEYS[3],'g','c',0,id,'JUSTID'); try('XACK',KEYS[3],'g',id)
try('XRANGE',KEYS[3],'-','+','COUNT',1); try('XREVRANGE',KEYS[3],'+','-','COUNT',1); try('XLEN',KEYS[3])
try('XGROUP','DESTROY',KEYS[3],'g'); try('XDEL',KEYS[3],id); try('UNLINK',KEYS[1],KEYS[2],KEYS[3])
return refused`);
