import { api, done, ok, type Schemas } from "./client";
import { begin, end } from "./session";

export type Me = Schemas["MeOut"];

export async function signIn(email: string, password: string): Promise<void> {
  begin(await ok(api.POST("/api/v1/users/login", { body: { email, password } })));
}

export async function signUp(account: Schemas["RegisterIn"]): Promise<void> {
  await ok(api.POST("/api/v1/users/register", { body: account }));
  await signIn(account.email, account.password);
}

/** Sign out here at once, and tell the service; a lost message leaves a token that nobody holds. */
export async function signOut(): Promise<void> {
  const token = end("You are signed out.");
  if (token) await api.POST("/api/v1/users/logout", { body: { refresh_token: token } }).catch(() => undefined);
}

export const me = (): Promise<Me> => ok(api.GET("/api/v1/users/me"));

/** Change name or password. A new password ends every sign-in, this one too: the answer brings the next. */
export async function changeMe(body: Schemas["MeIn"]): Promise<Me> {
  const { sign_in, ...changed } = await ok(api.PATCH("/api/v1/users/me", { body }));
  if (sign_in) begin(sign_in);
  return changed;
}

/** Change the password and stay signed in here, although every sign-in ends with the old one. */
export async function changePassword(email: string, current_password: string, password: string): Promise<void> {
  const answer: Me & { sign_in?: Schemas["LoginOut"] | null } = await changeMe({ current_password, password });
  if (answer.sign_in) begin(answer.sign_in);
  else await signIn(email, password); // the service gave no new tokens
}

export const myData = (): Promise<Schemas["DataOut"]> => ok(api.GET("/api/v1/users/me/data"));

export async function eraseMe(password: string): Promise<void> {
  await done(api.DELETE("/api/v1/users/me", { body: { password } }));
  end("The account is erased. Goodbye.");
}
