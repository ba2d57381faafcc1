/**
 * Rules of the protocol that can be switched off one at a time, to see that the simulation notices: a rule that
 * nothing misses is not known to be needed, or not looked at.
 */
export const RULES = {
  sweeper: 'somebody looks for what stands still',
  watchdog: 'a silent reader looks again',
  'republish-unconfirmed': 'what the broker never confirmed is published again',
  'republish-unclaimed': 'what was published and is not claimed is published again',
  'home-check': 'every write asks whether the user is at home',
  freeze: 'a user is frozen before being copied',
  'arrival-check': 'a mover copies nothing over a user who has arrived',
  'retire-check': 'a mover takes away only what it has frozen itself',
  'resume-moves': 'moves whose mover died are finished',
  'epoch-fence': 'the log takes bytes of the epoch that stands only',
  'position-check': 'the log takes bytes only where they belong',
  resend: 'an owner sends again what the log has lost',
  'stop-by-heartbeat': 'an owner that was not told of a stop finds it itself',
} as const;

export type Rule = keyof typeof RULES;
