import type { CookieSerializeOptions } from '@fastify/cookie';
import type { HttpOptions } from './http-options.ts';

export const SESSION_COOKIE = 'chatterbot_session';

export function sessionCookie(options: Pick<HttpOptions, 'publicUrl'>): CookieSerializeOptions {
  const secure = options.publicUrl?.startsWith('https:') ?? false;
  return { path: '/', httpOnly: true, sameSite: 'strict', secure };
}
