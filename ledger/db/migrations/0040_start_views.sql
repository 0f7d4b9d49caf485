-- From where a scene is seen at first, as its owner saved it: {"right_m", "up_m", "forward_m"}, metres from where the
-- photo was taken. None: from there.
ALTER TABLE scene_generations ADD COLUMN start_view jsonb;
