import { api, done, ok, type Schemas } from "./client";
import { begin } from "./session";

export type SignInOptions = Schemas["SignInOptionsOut"];
export type Invite = Schemas["InviteOut"];
export type NewLink = Schemas["LinkCreatedOut"];

export const signInOptions = (): Promise<SignInOptions> => ok(api.GET("/api/v1/users/sign-in-options"));

/** Ask for a mail; the answer is the same whether or not there is such an account. */
export const askReset = async (email: string): Promise<string> =>
  (await ok(api.POST("/api/v1/users/password-reset/mail", { body: { email } }))).message;

/** Set a password by a link, which signs in here and ends every other sign-in. */
export async function resetPassword(token: string, password: string): Promise<void> {
  begin(await ok(api.POST("/api/v1/users/password-reset", { body: { token, password } })));
}

export const changeEmail = (email: string, current_password: string): Promise<Schemas["EmailChangeOut"]> =>
  ok(api.POST("/api/v1/users/me/email", { body: { email, current_password } }));

export const confirmEmail = async (token: string): Promise<string> =>
  (await ok(api.POST("/api/v1/users/email", { body: { token } }))).email;

export const invites = async (): Promise<Invite[]> => (await ok(api.GET("/api/v1/admin/invites"))).items;

export const invite = (expires_in_hours: number, email: string): Promise<NewLink> =>
  ok(api.POST("/api/v1/admin/invites", { body: { expires_in_hours, email: email || null } }));

export const revokeInvite = (invite_id: string): Promise<void> =>
  done(api.DELETE("/api/v1/admin/invites/{invite_id}", { params: { path: { invite_id } } }));

export const resetLink = (user_id: string): Promise<NewLink> =>
  ok(
    api.POST("/api/v1/admin/users/{user_id}/password-reset", {
      params: { path: { user_id } },
      body: { expires_in_hours: 72 },
    }),
  );
